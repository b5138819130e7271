/** What every time-series store must do. Each implementation's test calls `timeSeriesContract`. */

import type { Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bucketHistory } from '../../hub/store/timeseries/history.ts';
import { RollupJob } from '../../hub/store/timeseries/rollup-job.ts';
import type { Bucket } from '../../hub/store/timeseries/summary.ts';
import type { RecordId, SampleColumns, TimeSeriesStore } from '../../hub/store/timeseries/time-series.ts';

export interface StoreUnderTest {
  /** A new handle on the same data; the one before it has been closed. */
  handle(now: () => number): TimeSeriesStore;
  remove(): Promise<void>;
}

const T0 = Date.UTC(2026, 2, 29, 0, 30); // Central Europe's clocks go forward half an hour later.
const EPOCH = '0123456789abcdef0123456789abcdef';

export function columns(...samples: [tag: number, at: number, value: Value, quality?: number][]): SampleColumns {
  return {
    tags: samples.map(([tag]) => tag),
    at: samples.map(([, at]) => at),
    values: samples.map(([, , value]) => value),
    quality: samples.map(([, , , quality]) => quality ?? Quality.Good),
  };
}

export function record(seq: number, samples: SampleColumns, gateway = 'press-1', epoch = EPOCH) {
  const id: RecordId = { gateway, epoch, seq };
  return { id, samples };
}

/** Buckets of one tag's samples in the plainest way: each moment has the value of the sample before it. */
function bucketsFrom(
  samples: [number, number, Value, number][],
  { from, to, stepMs }: { from: number; to: number; stepMs: number },
  now: number,
): Bucket[] {
  const number = ([, , value, quality]: [number, number, Value, number]) =>
    quality === 0 && (typeof value === 'number' || typeof value === 'boolean') ? Number(value) : null;
  const buckets: Bucket[] = [];
  for (let at = from; at < to; at += stepMs) {
    const end = Math.min(at + stepMs, to);
    const inside = samples.filter(([, t]) => t >= at && t < end);
    const known = Math.max(inside.at(-1)?.[1] ?? 0, Math.min(end, now));
    if (inside.length === 0) continue;
    const good = inside.flatMap((sample) => number(sample) ?? []);
    const held = samples.filter(([, t]) => t < at).at(-1);
    let area = 0;
    let covered = 0;
    const steps = [...(held ? [[at, number(held)] as const] : []), ...inside.map((s) => [s[1], number(s)] as const)];
    steps.forEach(([t, value], i) => {
      const length = (steps[i + 1]?.[0] ?? known) - t;
      if (value === null) return;
      area += value * length;
      covered += length;
    });
    const mean = good.length > 0 ? good.reduce((sum, value) => sum + value, 0) / good.length : null;
    buckets.push({
      ...{ at, mean, count: inside.length, good: good.length, first: good[0] ?? null, last: good.at(-1) ?? null },
      min: good.length > 0 ? Math.min(...good) : null,
      max: good.length > 0 ? Math.max(...good) : null,
      timeWeightedMean: covered > 0 ? area / covered : mean,
    });
  }
  return buckets;
}

/** Sums that were made in another order differ in their last digits. */
function close(bucket: Bucket): Bucket {
  const about = (value: number | null) => (value === null ? null : (expect.closeTo(value, 6) as number));
  return { ...bucket, mean: about(bucket.mean), timeWeightedMean: about(bucket.timeWeightedMean) };
}

export function timeSeriesContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`time-series contract: ${name}`, () => {
    let under: StoreUnderTest;
    let store: TimeSeriesStore;
    let now: number;

    beforeEach(async () => {
      now = T0;
      under = await make();
      store = under.handle(() => now);
      await store.open();
    });

    afterEach(async () => {
      await store.close();
      await under.remove();
    });

    async function reopen(): Promise<void> {
      await store.close();
      store = under.handle(() => now);
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
        columns([2 ** 40, T0, 1]),
        { ...columns([1, T0, 1]), quality: [] },
        columns([1, T0, {} as unknown as Value]),
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

    describe('with summaries that are kept', () => {
      const HOUR = 3_600_000;
      const H0 = Math.floor(T0 / HOUR) * HOUR;
      const tags = [1, 2, 3];
      const job = () =>
        new RollupJob({ timeSeries: store, retention: {}, log: pino({ level: 'silent' }), now: () => now });

      /** Three hours of three tags: a slow one, one of all kinds, and one that is fast in the second hour. */
      function samplesOf3(seed: number): [number, number, Value, number][] {
        const samples: [number, number, Value, number][] = [];
        let state = seed;
        const random = () => {
          state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
          return state / 2 ** 32;
        };
        for (let at = H0 - 90_000; at < H0 + 3 * HOUR; at += 20_000 + Math.floor(random() * 400_000)) {
          samples.push([1, at, Math.round(random() * 1_000) / 8, random() < 0.1 ? Quality.Bad : 0]);
        }
        for (let at = H0 + 5_000; at < H0 + 3 * HOUR; at += Math.floor(random() * 60_000)) {
          const kind = random();
          const value: Value =
            kind < 0.4 ? kind < 0.2 : kind < 0.6 ? 'text' : kind < 0.7 ? null : Math.round(kind * 64);
          samples.push([2, at, value, value === null ? Quality.Bad : 0]);
        }
        for (let at = H0 + HOUR; at < H0 + 2 * HOUR; at += 400) samples.push([3, at, Math.round(random() * 100), 0]);
        return samples;
      }

      async function expectSame(samples: [number, number, Value, number][], what: string): Promise<void> {
        for (const [stepMs, from, to] of [
          [1_000, H0 + HOUR - 30_000, H0 + HOUR + 240_000],
          [60_000, H0, H0 + 3 * HOUR],
          [420_000, H0 + 60_000, H0 + 2 * HOUR + 123_456],
          [HOUR, H0, H0 + 3 * HOUR],
          [777, H0 + HOUR + 1, H0 + HOUR + 30_000],
          [3 * HOUR, H0 - HOUR, H0 + 2 * HOUR],
        ] as const) {
          const query = { tags, from, to, stepMs, timeWeighted: true };
          const found = await bucketHistory(store, query, {}, now);
          for (const tag of tags) {
            const want = bucketsFrom(
              samples.filter((sample) => sample[0] === tag),
              query,
              now,
            );
            expect(found.get(tag) ?? [], `${what}: tag ${tag} by ${stepMs}`).toEqual(want.map(close));
          }
        }
      }

      it('says the same from them and from samples: before, after, with late ones, summarised twice', async () => {
        const samples = samplesOf3(42).sort((a, b) => a[1] - b[1]);
        const late = samples.filter((_, i) => i % 7 === 3);
        const onTime = samples.filter((_, i) => i % 7 !== 3);
        now = H0 + 2 * HOUR + 30_000;
        const soon = onTime.filter(([, at]) => at < now);
        await store.append([record(1, columns(...soon))]);
        await expectSame(soon, 'nothing is summarised');
        await job().run();
        expect(await store.rollups.until()).toBe(H0 + HOUR);
        await expectSame(soon, 'the first hour is summarised');
        now = H0 + 3 * HOUR + 30_000;
        await store.append([record(2, columns(...onTime.filter((sample) => !soon.includes(sample))))]);
        await expectSame(onTime, 'some is summarised');
        now = H0 + 3 * HOUR + 600_000;
        await job().run();
        await job().run();
        expect(await store.rollups.until()).toBe(H0 + 3 * HOUR);
        expect((await store.rollups.read([3], H0, H0 + 3 * HOUR, 1_000)).get(3)).toHaveLength(3_600);
        await expectSame(onTime, 'all is summarised');
        await store.append([record(3, columns(...late))]);
        expect(
          (await store.rollups.late({ tags: [3], from: H0, to: H0 + 3 * HOUR })).map(({ hour }) => hour),
        ).toEqual([H0 + HOUR]);
        await expectSame(samples, 'some is late');
        await reopen();
        await job().run();
        expect(await store.rollups.late()).toEqual([]);
        await expectSame(samples, 'the late ones are summarised');
        const hours = (await store.rollups.read(tags, H0 - HOUR, H0 + 3 * HOUR, HOUR)).values();
        expect([...hours].flat().reduce((sum, { count }) => sum + count, 0)).toBe(await store.count());
      });

      it('marks again what comes while an hour is summarised', async () => {
        now = H0 + 5 * HOUR;
        await store.rollups.setUntil(H0 + 4 * HOUR);
        await store.append([record(1, columns([1, H0 + 1, 1]))]);
        const seen = await store.rollups.late();
        await store.append([record(2, columns([1, H0 + 2, 2]))]);
        await store.rollups.clearLate(seen);
        expect((await store.rollups.late()).map(({ tag, hour }) => [tag, hour])).toEqual([[1, H0]]);
      });

      it('deletes tags and times, and their summaries with them', async () => {
        const samples = samplesOf3(7).sort((a, b) => a[1] - b[1]);
        now = H0 + 4 * HOUR;
        await store.append([record(1, columns(...samples))]);
        await job().run();
        const [from, to] = [H0 + 10 * 60_000, H0 + 2 * HOUR + 60_000];
        await store.delete([2, 3], from, to);
        const left = samples.filter(([tag, at]) => tag === 1 || at < from || at >= to);
        await expectSame(left, 'before it is summarised anew');
        await job().run();
        await expectSame(left, 'after it');
        expect(await store.count()).toBe(left.length);
        await store.append([record(2, columns([2, H0 + HOUR, 5]))]);
        expect((await store.range(2, from, to)).map(({ value }) => value)).toEqual([5]);
      });

      it('deletes what is older than it shall be, and keeps what was true then', async () => {
        const day = 86_400_000;
        now = H0 + 100 * day;
        const cut = Math.floor(now / day) * day - 20 * day;
        await store.append([
          record(
            1,
            columns(
              ...[1, 2, 3].flatMap((k): [number, number, Value][] => [
                [1, cut - k * HOUR, k],
                [1, cut + k * HOUR, k + 3],
              ]),
              ...([
                [2, cut - 50 * day, 'older'],
                [2, cut - 40 * day, 'quiet'],
                [3, cut + 5, true],
              ] as [number, number, Value][]),
            ),
          ),
        ]);
        const retention = { samplesDays: 20, minutesDays: 30, hoursDays: 60 };
        const keeper = new RollupJob({
          timeSeries: store,
          retention,
          log: pino({ level: 'silent' }),
          now: () => now,
        });
        await keeper.run();
        const all = async (tag: number) => (await store.range(tag, 0, now)).map(({ at }) => at - cut);
        expect((await all(1)).slice(-4)).toEqual([-HOUR, HOUR, 2 * HOUR, 3 * HOUR]);
        expect(await all(2)).toEqual([-40 * day]);
        expect(await all(3)).toEqual([5]);
        expect([...(await store.rollups.read([1, 2], 0, now, 60_000)).keys()]).toEqual([1]);
        const hours = await store.rollups.read([1, 2], 0, now, HOUR);
        expect(hours.get(1)).toHaveLength(6);
        expect(hours.get(2)!.map(({ at }) => at)).toEqual([cut - 40 * day]);
        // Late by more than samples are kept: the summary stays as it is.
        await store.append([record(2, columns([1, cut - HOUR + 1, 99]))]);
        await keeper.run();
        expect((await store.rollups.read([1], cut - HOUR, cut, HOUR)).get(1)).toMatchObject([{ count: 1, max: 1 }]);
      });
    });

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
