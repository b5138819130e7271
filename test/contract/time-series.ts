/** What every time-series store must do. Each implementation's test calls `timeSeriesContract`. */

import type { Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { ValueColumn } from '@lineside/shared/wire/value-column.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bucketHistory } from '../../hub/store/timeseries/history.ts';
import type { Bucket } from '../../hub/store/timeseries/summary.ts';
import type { TimeSeriesStore } from '../../hub/store/timeseries/time-series.ts';
import { columns, EPOCH, record, T0 } from '../services/samples.ts';
import { keptSummariesContract } from './kept-summaries.ts';

export interface StoreUnderTest {
  /** A new handle on the same data; the one before it has been closed. */
  handle(now: () => number): TimeSeriesStore;
  remove(): Promise<void>;
}

export function timeSeriesContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`time-series contract: ${name}`, () => {
    let under: StoreUnderTest;
    let store: TimeSeriesStore;
    const clock = { now: T0 };

    beforeEach(async () => {
      clock.now = T0;
      under = await make();
      store = under.handle(() => clock.now);
      await store.open();
    });

    afterEach(async () => {
      await store.close();
      await under.remove();
    });

    async function reopen(): Promise<void> {
      await store.close();
      store = under.handle(() => clock.now);
      await store.open();
    }

    it('gives back every kind of value with its time and quality, also after a restart', async () => {
      const text = `${'ü€😀 long '.repeat(4_000)}end`;
      const values: Value[] = [
        1.5,
        -0.1,
        2 ** 53 - 1,
        0,
        1e-300,
        true,
        false,
        '',
        'Execute',
        text,
        null,
        '0',
        'a\u0000b',
      ];
      const samples = columns(
        ...values.map((value, i): [number, number, Value, number] => [
          7,
          T0 + i,
          value,
          value === null ? Quality.BadTimeout : i,
        ]),
      );
      await store.append([record(1, samples)]);
      const expected = values.map((value, i) => ({ at: T0 + i, value, quality: samples.quality[i] }));
      expect(await store.range(7, T0, T0 + 100)).toEqual(expected);
      await reopen();
      expect(await store.range(7, T0, T0 + 100)).toEqual(expected);
      expect(await store.last()).toEqual([{ tag: 7, ...expected.at(-1) }]);
    });

    it('keeps strings, numbers and nulls apart in a batch larger than any buffer', async () => {
      const samples: [number, number, Value, number?][] = [];
      for (let i = 0; i < 12_345; i++) {
        const value: Value =
          i % 3_000 === 1_500 ? `text ${i}` : i % 1_000 === 7 ? null : i % 2 === 0 ? i / 4 : i % 4 === 1;
        samples.push([1 + (i % 3), T0 + i, value, value === null ? Quality.Bad : 0]);
      }
      await store.append([record(1, columns(...samples))]);
      expect(await store.count()).toBe(12_345);
      for (const tag of [1, 2, 3]) {
        const wanted = samples.filter(([t]) => t === tag).map(([, at, value, quality]) => ({ at, value, quality }));
        expect(await store.range(tag, T0, T0 + 20_000)).toEqual(wanted);
      }
    });

    it('counts each tag within a range of time', async () => {
      await store.append([record(1, columns([1, T0, 1], [2, T0 + 5, 'a'], [1, T0 + 10, null, 1], [1, T0 + 20, 3]))]);
      expect(await store.perTag(T0, T0 + 20)).toEqual([
        { tag: 1, samples: 2, firstAt: T0, lastAt: T0 + 10 },
        { tag: 2, samples: 1, firstAt: T0 + 5, lastAt: T0 + 5 },
      ]);
      expect(await store.perTag(T0 + 30, T0 + 40)).toEqual([]);
    });

    it('passes over what it has: a repeat changes nothing, within a call, later and after a restart', async () => {
      const one = record(1, columns([1, T0, 1]));
      const two = record(2, columns([1, T0 + 1, 2]));
      await store.append([one, two, one]);
      await store.append([two]);
      await reopen();
      await store.append([one, two, record(3, columns([1, T0 + 2, 3]))]);
      expect((await store.range(1, T0, T0 + 10)).map((s) => s.value)).toEqual([1, 2, 3]);
      expect(await store.watermark('press-1', EPOCH)).toBe(3);
    });

    it('keeps a watermark for each gateway and epoch, also for a record without samples', async () => {
      const other = 'f'.repeat(32);
      await store.append([
        record(5, columns([1, T0, 1])),
        record(2, columns([2, T0, 1]), 'press-2'),
        record(1, columns([1, T0, 9]), 'press-1', other),
        record(9, columns(), 'press-3'),
      ]);
      await store.append([record(3, columns([2, T0 + 1, 1]), 'press-2')]);
      await reopen();
      expect(await store.watermark('press-1', EPOCH)).toBe(5);
      expect(await store.watermark('press-1', other)).toBe(1);
      expect(await store.watermark('press-2', EPOCH)).toBe(3);
      expect(await store.watermark('press-3', EPOCH)).toBe(9);
      expect(await store.watermark('press-4', EPOCH)).toBe(0);
      expect(await store.count()).toBe(4);
    });

    it('stores all of an append or nothing, and goes on after a refused one', async () => {
      const good = record(
        1,
        columns(...Array.from({ length: 5_000 }, (_, i): [number, number, Value] => [1, T0 + i, i])),
      );
      for (const broken of [
        columns([1, Number.NaN, 1]),
        columns([1, T0 + 0.5, 1]),
        { ...columns([1, T0, 1]), quality: new Uint32Array(0) },
        { ...columns([1, T0, 1]), values: ValueColumn.of([]) },
      ]) {
        await expect(store.append([good, record(2, broken)])).rejects.toBeInstanceOf(LinesideError);
      }
      expect(await store.count()).toBe(0);
      expect(await store.watermark('press-1', EPOCH)).toBe(0);
      await store.append([good]);
      expect(await store.count()).toBe(5_000);
      expect(await store.watermark('press-1', EPOCH)).toBe(1);
    });

    it('takes appends in any time order and gives ranges by time, equal times as stored', async () => {
      await store.append([record(1, columns([1, T0 + 30, 'late'], [1, T0 + 10, 'a'], [1, T0 + 10, 'b']))]);
      await store.append([record(2, columns([1, T0 + 10, 'c'], [1, T0, 'early'], [2, T0 + 10, 'other']))]);
      const range = async (from: number, to: number, options?: { before?: boolean; limit?: number }) =>
        (await store.range(1, from, to, options)).map((s) => s.value);
      expect(await range(T0, T0 + 100)).toEqual(['early', 'a', 'b', 'c', 'late']);
      expect(await range(T0 + 10, T0 + 30)).toEqual(['a', 'b', 'c']);
      expect(await range(T0 + 11, T0 + 31, { before: true })).toEqual(['c', 'late']);
      expect(await range(T0 + 10, T0 + 31, { before: true, limit: 2 })).toEqual(['early', 'a']);
      expect(await range(T0, T0 + 10, { before: true })).toEqual(['early']);
      expect(await range(T0 + 50, T0 + 60)).toEqual([]);
      expect((await store.last()).map((s) => [s.tag, s.value])).toEqual([
        [1, 'late'],
        [2, 'other'],
      ]);
    });

    it('keeps apart equal times of different records and epochs', async () => {
      const other = 'f'.repeat(32);
      await store.append([record(1, columns([1, T0, 'a'], [1, T0, 'a']))]);
      await store.append([record(1, columns([1, T0, 'b']), 'press-1', other), record(2, columns([1, T0 + 5, 'z']))]);
      await reopen();
      await store.append([record(3, columns([1, T0, 'a'])), record(2, columns([1, T0, 'c']), 'press-1', other)]);
      await store.append([record(1, columns([2, T0, 'd']), 'a gateway, named "so=\\" $x\'')]);
      expect((await store.range(1, T0, T0 + 1)).map((s) => s.value)).toEqual(['a', 'a', 'b', 'a', 'c']);
      expect(await store.count()).toBe(7);
      expect(await store.watermark('a gateway, named "so=\\" $x\'', EPOCH)).toBe(1);
      expect(await store.last()).toEqual([
        { tag: 1, at: T0 + 5, value: 'z', quality: 0 },
        { tag: 2, at: T0, value: 'd', quality: 0 },
      ]);
    });

    it('keeps samples with times that no calendar has', async () => {
      const far = Date.UTC(9999, 11, 31);
      const early = Date.UTC(1601, 0, 1);
      await store.append([record(1, columns([1, far, 'far'], [1, early, 'early'], [1, -1, 'then'], [1, T0, 'now']))]);
      const range = async (from: number, to: number) => (await store.range(1, from, to)).map((s) => [s.at, s.value]);
      expect(await range(-(2 ** 53) + 1, Number.MAX_SAFE_INTEGER)).toEqual([
        [early, 'early'],
        [-1, 'then'],
        [T0, 'now'],
        [far, 'far'],
      ]);
      expect(await range(-1, 0)).toEqual([[-1, 'then']]);
      expect(await range(T0, far)).toEqual([[T0, 'now']]);
      expect(await store.last()).toEqual([{ tag: 1, at: far, value: 'far', quality: 0 }]);
    });

    it('finds the sample before a range however long ago it was, and never a later one', async () => {
      const day = 86_400_000;
      await store.append([
        record(1, columns([1, T0 - 400 * day, 'old'], [2, T0 - 2 * day, 'x'], [2, T0 - 3 * day, 'y'])),
      ]);
      expect((await store.range(1, T0, T0 + 1, { before: true })).map((s) => s.value)).toEqual(['old']);
      expect((await store.range(2, T0, T0 + 1, { before: true })).map((s) => s.value)).toEqual(['x']);
      expect(await store.range(3, T0, T0 + 1, { before: true })).toEqual([]);
    });

    it('makes buckets from good numbers and booleans only, and leaves empty ones out', async () => {
      await store.append([
        record(
          1,
          columns(
            [1, T0, 1],
            [1, T0 + 999, 3],
            [1, T0 + 1_000, 5, Quality.Bad],
            [1, T0 + 1_500, 'a'],
            [1, T0 + 1_600, Number.NaN],
            [1, T0 + 2_000, true],
            [1, T0 + 2_500, false],
            [1, T0 + 3_000, 8],
            [1, T0 + 3_001, 100, Quality.Uncertain],
            [1, T0 + 4_000, 9],
            [2, T0 + 500, 77],
          ),
        ),
      ]);
      const query = { tags: [1, 2, 3], from: T0, to: T0 + 4_000, stepMs: 1_000, timeWeighted: true };
      const none = { mean: null, min: null, max: null, first: null, last: null, timeWeightedMean: null };
      const want = [
        {
          at: T0,
          mean: 2,
          min: 1,
          max: 3,
          first: 1,
          last: 3,
          timeWeightedMean: (999 * 1 + 1 * 3) / 1_000,
          count: 2,
          good: 2,
        },
        { at: T0 + 1_000, ...none, count: 3, good: 0 },
        { at: T0 + 2_000, mean: 0.5, min: 0, max: 1, first: 1, last: 0, timeWeightedMean: 0.5, count: 2, good: 2 },
        { at: T0 + 3_000, mean: 8, min: 8, max: 8, first: 8, last: 8, timeWeightedMean: 8, count: 2, good: 1 },
      ];
      const found = await bucketHistory(store, query, {}, T0 + 10_000);
      expect([...found.keys()]).toEqual([1, 2]);
      expect(found.get(2)).toMatchObject([{ at: T0, mean: 77, count: 1 }]);
      expect(found.get(1)).toEqual(want);
      const plain = await bucketHistory(store, { ...query, timeWeighted: false }, {}, T0 + 10_000);
      const withoutWeight = (bucket: Bucket) => ({ ...bucket, timeWeightedMean: null });
      expect(plain.get(1)!.map(withoutWeight)).toEqual(want.map(withoutWeight));
      await expect(store.summaries([1], T0, T0 + 1, 0, false)).rejects.toBeInstanceOf(LinesideError);
      await expect(store.summaries([1], 0, T0, 1, false)).rejects.toThrow(/longer step/);
    });

    it('gives many tags at once, each up to a limit', async () => {
      await store.append([
        record(1, columns([1, T0, 1], [2, T0, 'a'], [1, T0 + 1, 2], [1, T0 + 2, 3], [4, T0 + 90_000, true])),
      ]);
      const found = await store.ranges([4, 2, 1, 9], T0, T0 + 100_000, 2);
      expect(new Map([...found].map(([tag, samples]) => [tag, samples.map(({ value }) => value)]))).toEqual(
        new Map<number, Value[]>([
          [1, [1, 2]],
          [2, ['a']],
          [4, [true]],
        ]),
      );
      expect(await store.ranges([1, 2], T0, T0 + 100_000, 0)).toEqual(new Map());
      expect(await store.firstAt(T0 + 1)).toBe(T0 + 1);
      expect(await store.firstAt(T0 + 100_000)).toBeUndefined();
    });

    keptSummariesContract(() => store, clock, reopen);

    it('counts all, some and no tags', async () => {
      await store.append([record(1, columns([1, T0, 1], [2, T0, 1], [2, T0 + 1, 1]))]);
      expect(await store.count()).toBe(3);
      expect(await store.count([2, 99])).toBe(2);
      expect(await store.count([])).toBe(0);
    });

    it('takes appends and queries at the same time, each append once and in order', async () => {
      const appends = Array.from({ length: 30 }, (_, i) => store.append([record(i + 1, columns([1, T0 + i, i]))]));
      const reads = Array.from({ length: 30 }, () => store.range(1, T0, T0 + 100));
      for (const read of await Promise.all(reads)) expect(read.map((s) => s.value)).toEqual(read.map((_, i) => i));
      await Promise.all(appends);
      expect(await store.count([1])).toBe(30);
    });

    it('closes twice without harm, and says so when used after it', async () => {
      const pending = store.append([record(1, columns([1, T0, 1]))]);
      await store.close();
      await pending;
      await store.close();
      await expect(store.append([record(2, columns([1, T0, 1]))])).rejects.toMatchObject({ code: 'STORE_CLOSED' });
      await expect(store.last()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
      await reopen();
      expect(await store.count()).toBe(1);
    });
  });
}
