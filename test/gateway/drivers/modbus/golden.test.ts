import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../gateway/drivers/modbus/address.ts';
import { check } from '../../../../gateway/drivers/modbus/check.ts';
import type { ModbusTag, ModbusType, ModbusWordOrder } from '../../../../gateway/drivers/modbus/config.ts';
import { registerReader, WIDTH } from '../../../../gateway/drivers/modbus/decode.ts';
import { type Merge, type PlanLimits, plan } from '../../../../gateway/drivers/modbus/plan.ts';
import { device } from './settings.ts';

function cases<Case>(file: string): Case[] {
  return JSON.parse(readFileSync(new URL(`testcases/${file}.json`, import.meta.url), 'utf8'));
}

interface DecodeCase {
  type: ModbusType;
  wordOrder: ModbusWordOrder;
  bit?: number;
  registers: number[];
  value: number | boolean | string;
}

describe('registers to values', () => {
  test.each(cases<DecodeCase>('decode'))('$type $wordOrder $registers', (one) => {
    // Not at the beginning, as in the middle of a block.
    const view = new DataView(new ArrayBuffer(6 + 2 * one.registers.length));
    one.registers.forEach((register, i) => {
      view.setUint16(6 + 2 * i, register);
    });
    const expected = typeof one.value === 'string' ? Number(one.value) : one.value;
    expect(registerReader(one.type, one.wordOrder, one.bit)(view, 6)).toBe(expected);
  });
});

interface PlanCase {
  name: string;
  limits: PlanLimits;
  tags: [address: string, type: ModbusType, merge?: Merge][];
  blocks: [address: string, count: number][];
}

describe('tags to requests', () => {
  test.each(cases<PlanCase>('plan'))('$name', (one) => {
    const items = one.tags.map(([text, type, merge]) => {
      const address = parseAddress(text);
      if (typeof address === 'string') throw new Error(address);
      return { ...address, width: WIDTH[type], merge: merge ?? 'gap' };
    });
    const blocks = plan(items, one.limits);
    expect(blocks.map((block) => [`${block.table}:${block.offset}`, block.count])).toEqual(one.blocks);
    expect(blocks.flatMap((block) => block.items)).toHaveLength(items.length);
  });
});

interface CheckCase {
  name: string;
  device?: Record<string, number>;
  tags: ModbusTag[];
  problems: { tag?: number; field: string; says: string }[];
}

describe('settings that cannot work', () => {
  test.each(cases<CheckCase>('check'))('$name', (one) => {
    const found = check(
      device(one.device ?? {}),
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
