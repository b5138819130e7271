import { readFileSync } from 'node:fs';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';
import { classicReading, parseAddress, parseRange, said } from '../../../../gateway/drivers/modbus/address.ts';
import { check } from '../../../../gateway/drivers/modbus/check.ts';
import type { ModbusDevice, ModbusTag } from '../../../../gateway/drivers/modbus/config.ts';
import { type Layout, qualityOf, registerReader, widthOf } from '../../../../gateway/drivers/modbus/decode.ts';
import { type Merge, type PlanLimits, plan } from '../../../../gateway/drivers/modbus/plan.ts';
import { device } from './settings.ts';

function cases<Case>(file: string): Case[] {
  return JSON.parse(readFileSync(new URL(`testcases/${file}.json`, import.meta.url), 'utf8'));
}

type DecodeCase = Layout & {
  /** What the case is about, where the rest does not say it. */
  name?: string;
  registers: number[];
  /** JSON has no infinities and no NaN; for these a quality says why the value is of no use. */
  value?: number | boolean | string;
  quality?: keyof typeof Quality;
};

describe('registers to values', () => {
  test.each([...cases<DecodeCase>('decode'), ...cases<DecodeCase>('decode-more')])(
    '$type $wordOrder $registers',
    (one) => {
      // Not at the beginning, as in the middle of a block.
      const view = new DataView(new ArrayBuffer(6 + 2 * one.registers.length));
      one.registers.forEach((register, i) => {
        view.setUint16(6 + 2 * i, register);
      });
      expect(one.registers.length).toBe(widthOf(one));
      const value = registerReader(one)(view, 6);
      expect(qualityOf(value)).toBe(Quality[one.quality ?? 'Good']);
      if (one.quality === undefined) expect(value).toBe(one.value);
    },
  );
});

interface AddressCase {
  text: string | number;
  /** The address as it is told to people, or nothing when the text is refused. */
  is?: string;
  says?: string[];
}

describe('notations of addresses', () => {
  test.each(cases<AddressCase>('address'))('$text', ({ text, is, says = [] }) => {
    const found = parseAddress(text);
    expect(typeof found === 'string' ? undefined : said(found)).toBe(is);
    for (const words of says) expect(found).toContain(words);
  });

  test('ranges, in both notations', () => {
    expect(parseRange('holding:40-49')).toEqual({ table: 'holding', first: 40, last: 49 });
    expect(parseRange('holding:40 - holding:49')).toEqual({ table: 'holding', first: 40, last: 49 });
    expect(parseRange('input:7')).toEqual({ table: 'input', first: 7, last: 7 });
    expect(parseRange('40041-40050')).toEqual({ table: 'holding', first: 40, last: 49 });
    for (const wrong of ['holding:49-40', 'holding:1-input:2', 'holding:1-2-3', '40001-30002']) {
      expect(parseRange(wrong)).toContain('is not a range');
    }
    expect(parseRange('')).toContain('is not a Modbus address');
  });

  test('a number of a manual behind a table is doubted', () => {
    expect(classicReading('holding:40101')).toEqual({ table: 'holding', offset: 100 });
    expect(classicReading('input:30001')).toEqual({ table: 'input', offset: 0 });
    for (const clear of ['holding:100', 'holding:30001', 'coil:10001', 40101])
      expect(classicReading(clear)).toBeNull();
  });
});

interface PlanCase {
  name: string;
  limits: PlanLimits;
  tags: [address: string, type: ModbusTag['type'], merge?: Merge][];
  blocks: [address: string, count: number][];
}

describe('tags to requests', () => {
  test.each(cases<PlanCase>('plan'))('$name', (one) => {
    const items = one.tags.map(([text, type, merge]) => {
      const address = parseAddress(text);
      if (typeof address === 'string') throw new Error(address);
      return { ...address, width: widthOf({ type }), merge: merge ?? 'gap' };
    });
    const blocks = plan(items, one.limits);
    expect(blocks.map((block) => [`${block.table}:${block.offset}`, block.count])).toEqual(one.blocks);
    expect(blocks.flatMap((block) => block.items)).toHaveLength(items.length);
  });
});

interface CheckCase {
  name: string;
  device?: Partial<ModbusDevice>;
  tags: ModbusTag[];
  problems: { tag?: number; field: string; says: string; warning?: boolean }[];
}

describe('settings that cannot work', () => {
  test.each(cases<CheckCase>('check'))('$name', (one) => {
    const found = check(
      device(one.device ?? {}),
      one.tags.map((settings, i) => ({ name: `tag${i}`, settings })),
    );
    expect(found.map(({ tag, field, warning }) => ({ tag, field, warning }))).toEqual(
      one.problems.map(({ tag, field, warning }) => ({ tag, field, warning })),
    );
    one.problems.forEach((problem, i) => {
      expect(found[i]!.message).toContain(problem.says);
    });
  });
});
