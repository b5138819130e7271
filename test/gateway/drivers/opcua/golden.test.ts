import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { check } from '../../../../gateway/drivers/opcua/check.ts';
import type { OpcUaDevice, OpcUaTag } from '../../../../gateway/drivers/opcua/config.ts';
import { parseNodeId, resolve } from '../../../../gateway/drivers/opcua/node-id.ts';

function cases<Case>(file: string): Case[] {
  return JSON.parse(readFileSync(new URL(`testcases/${file}.json`, import.meta.url), 'utf8'));
}

interface CheckCase {
  name: string;
  device: OpcUaDevice;
  tags: OpcUaTag[];
  problems: { tag?: number; field: string; says: string }[];
}

describe('settings that cannot work', () => {
  test.each(cases<CheckCase>('check'))('$name', (one) => {
    const found = check(
      one.device,
      one.tags.map((settings, i) => ({ name: `tag${i}`, settings })),
    );
    expect(found.map(({ tag, field }) => ({ tag, field }))).toEqual(
      one.problems.map(({ tag, field }) => ({ tag, field })),
    );
    one.problems.forEach((problem, i) => {
      expect(found[i]!.message).toContain(problem.says);
    });
  });
});

interface ResolveCase {
  nodeId: string;
  aliases?: Record<string, string>;
  namespaces: string[];
  resolved: string | null;
}

describe("node ids against the server's namespaces", () => {
  test.each(cases<ResolveCase>('resolve'))('$nodeId in $namespaces', (one) => {
    const address = parseNodeId(one.nodeId, one.aliases);
    if (typeof address === 'string') throw new Error(address);
    expect(resolve(address, one.namespaces)).toBe(one.resolved);
  });
});
