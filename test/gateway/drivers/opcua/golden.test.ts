import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseBrowsePath } from '../../../../gateway/drivers/opcua/browse-path.ts';
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

interface BrowsePathCase {
  path: string;
  steps?: [namespace: string, name: string][];
  says?: string;
}

describe('browse paths, where m is short for urn:a', () => {
  test.each(cases<BrowsePathCase>('browse-path'))('$path', ({ path, steps, says }) => {
    const parsed = parseBrowsePath(path, { m: 'urn:a' });
    if (typeof parsed === 'string') expect(parsed).toContain(says);
    else {
      const plain = parsed.steps.map(({ namespace, name }) => [
        'uri' in namespace ? namespace.uri : `${namespace.index}`,
        name,
      ]);
      expect(plain).toEqual(steps);
    }
  });
});
