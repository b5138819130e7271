import { Oee } from '@lineside/shared/contracts/api.ts';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { noShift, type OeeInput, oeeOf } from '../../../hub/oee/oee.ts';
import type { StateInterval } from '../../../hub/oee/timeline.ts';
import { random } from '../../shared/wire/random-batch.ts';

const HOUR = 3_600_000;
const CATEGORIES = ['producing', 'idle', 'stopped', 'down', 'unknown'] as const;

/** Intervals one after the other, in minutes. */
function minutes(...parts: [category: (typeof CATEGORIES)[number], minutes: number][]): StateInterval[] {
  let at = 0;
  return parts.map(([category, length]) => {
    const from = at;
    at += length * 60_000;
    return { name: category, category, from, to: at };
  });
}

function input(change: Partial<OeeInput>): OeeInput {
  return {
    shift: { name: 'Early', from: 0, to: 8 * HOUR },
    now: 8 * HOUR,
    intervals: minutes(['producing', 480]),
    counters: { total: 'total', reject: 'reject', unit: 'packs', scale: 1, idealPerHour: 100 },
    total: { total: 800, seen: 800 },
    reject: { total: 0, seen: 0 },
    ...change,
  };
}

describe('OEE by ISO 22400-2', () => {
  test('a shift of 480 min with 47 min of stops: 433 min for 19,271 of 60 a minute, 423 rejected', () => {
    const oee = oeeOf(
      input({
        intervals: minutes(['producing', 200], ['down', 27], ['producing', 233], ['stopped', 12], ['idle', 8]),
        counters: { total: 'total', reject: 'reject', unit: 'packs', scale: 1, idealPerHour: 3_600 },
        total: { total: 19_271, seen: 19_271 },
        reject: { total: 423, seen: 423 },
      }),
    );
    expect(oee.availability).toBeCloseTo(433 / 480, 12);
    expect(oee.performance).toBeCloseTo(19_271 / 60 / 433, 12);
    expect(oee.quality).toBeCloseTo(18_848 / 19_271, 12);
    // = good parts at the planned rate over the busy time
    expect(oee.oee).toBeCloseTo(18_848 / 60 / 480, 12);
    expect(oee).toMatchObject({ good: 18_848, reject: 423, unit: 'packs', reason: '', shift: 'Early' });
  });

  test('what nobody saw is neither good nor bad', () => {
    const oee = oeeOf(
      input({
        intervals: minutes(['producing', 180], ['unknown', 180], ['down', 120]),
        total: { total: 600, seen: 300 },
      }),
    );
    expect(oee.availability).toBeCloseTo(180 / 300, 12);
    expect(oee.performance).toBeCloseTo(1, 12);
    expect(oee).toMatchObject({ good: 600, unknownMs: 3 * HOUR });
  });

  test('counts are scaled to their unit', () => {
    const counters = { total: 'litres', reject: 'r', unit: 'm3', scale: 0.001, idealPerHour: 10 };
    const oee = oeeOf(
      input({ counters, total: { total: 40_000, seen: 40_000 }, reject: { total: 4_000, seen: 4_000 } }),
    );
    expect(oee).toMatchObject({ good: 36, reject: 4, unit: 'm3', performance: 0.5, quality: 0.9 });
  });

  test('a machine that stood is 0, for that is known', () => {
    expect(oeeOf(input({ intervals: minutes(['down', 480]) })).availability).toBe(0);
    expect(oeeOf(input({ total: { total: 0, seen: 0 } })).performance).toBe(0);
    expect(oeeOf(input({ total: { total: 5, seen: 5 }, reject: { total: 5, seen: 5 } })).quality).toBe(0);
  });

  const counters = { total: 'total', unit: 'packs', scale: 1 };
  test.each<[reason: RegExp, change: Partial<OeeInput>, unknown: ('availability' | 'performance' | 'quality')[]]>([
    [/no state signal is configured/, { intervals: null }, ['availability', 'performance']],
    [/state was not known at any time/, { intervals: minutes(['unknown', 480]) }, ['availability', 'performance']],
    [/unknown for 51 % of the shift/, { intervals: minutes(['producing', 235], ['unknown', 245]) }, ['availability']],
    [/no counter is configured/, { counters: null }, ['performance', 'quality']],
    [/no planned rate is configured/, { counters: { ...counters, reject: 'r' } }, ['performance']],
    [/counter has not been seen often enough/, { total: null }, ['performance', 'quality']],
    [/not been seen to produce/, { intervals: minutes(['down', 480]) }, ['performance']],
    [/no reject counter is configured/, { counters: { ...counters, idealPerHour: 1 }, reject: null }, ['quality']],
    [/counters have not been seen often enough/, { reject: null }, ['quality']],
    [/nothing has been made/, { total: { total: 0, seen: 0 } }, ['quality']],
    [/state was not known/, { now: 0, intervals: [] }, ['availability', 'performance']],
  ])('unknown, because %s', (reason, change, unknown) => {
    const oee = oeeOf(input(change));
    for (const factor of ['availability', 'performance', 'quality'] as const) {
      if (unknown.includes(factor)) expect(oee[factor], factor).toBeNull();
      else expect(oee[factor], factor).not.toBeNull();
    }
    expect(oee.oee).toBeNull();
    expect(oee.reason).toMatch(reason);
  });

  test('outside of all shifts nothing is measured', () => {
    const oee = noShift(5, 'packs');
    expect(oee).toMatchObject({ availability: null, oee: null, from: 5, to: 5, unknownMs: 0, reason: /no shift/ });
  });

  test('times add up, nothing is below 0, and what is not known is null, whatever comes', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const next = random(seed);
      const below = (limit: number) => Math.floor(next() * limit);
      const parts = Array.from({ length: 1 + below(9) }, () => [CATEGORIES[below(5)]!, 1 + below(90)] as const);
      const intervals = minutes(...parts.map(([category, length]): [typeof category, number] => [category, length]));
      const count = () => (below(3) === 0 ? null : { total: below(1_000), seen: below(500) });
      const oee = oeeOf(
        input({
          now: intervals.at(-1)!.to,
          intervals: below(9) === 0 ? null : intervals,
          total: count(),
          reject: count(),
        }),
      );
      const sum = oee.producingMs + oee.idleMs + oee.stoppedMs + oee.downMs + oee.unknownMs;
      expect(sum, `seed ${seed}`).toBe(oee.to - oee.from);
      expect(Value.Errors(Oee, oee), `seed ${seed}`).toEqual([]);
      if (oee.availability !== null) {
        expect(oee.availability).toBeLessThanOrEqual(1);
        expect(oee.unknownMs).toBeLessThanOrEqual((oee.to - oee.from) / 2);
      }
      expect(oee.oee === null).toBe([oee.availability, oee.performance, oee.quality].includes(null));
      expect(oee.reason === '').toBe(oee.oee !== null);
    }
  });
});
