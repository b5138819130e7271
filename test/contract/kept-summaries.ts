/** What every time-series store must do with summaries that it keeps: a part of its contract. */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { bucketHistory } from '../../hub/store/timeseries/history.ts';
import { RollupJob } from '../../hub/store/timeseries/rollup-job.ts';
import type { Bucket } from '../../hub/store/timeseries/summary.ts';
import type { TimeSeriesStore } from '../../hub/store/timeseries/time-series.ts';
import { columns, record, T0 } from '../services/samples.ts';

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

/**
 * @param store the one of this test, which is open and empty
 * @param clock what it goes by
 * @param reopen closes it and opens it anew
 */
export function keptSummariesContract(
  store: () => TimeSeriesStore,
  clock: { now: number },
  reopen: () => Promise<void>,
): void {
  // Hundreds of queries of a server: with an InfluxDB 2.x on a busy machine they took more than the usual 30 s.
  describe('with summaries that are kept', { timeout: 90_000 }, () => {
    const HOUR = 3_600_000;
    const H0 = Math.floor(T0 / HOUR) * HOUR;
    const tags = [1, 2, 3];
    const job = () =>
      new RollupJob({ timeSeries: store(), retention: {}, log: pino({ level: 'silent' }), now: () => clock.now });

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
        const found = await bucketHistory(store(), query, {}, clock.now);
        for (const tag of tags) {
          const want = bucketsFrom(
            samples.filter((sample) => sample[0] === tag),
            query,
            clock.now,
          );
          expect(found.get(tag) ?? [], `${what}: tag ${tag} by ${stepMs}`).toEqual(want.map(close));
        }
      }
    }

    it('says the same from them and from samples: before, after, with late ones, summarised twice', async () => {
      const samples = samplesOf3(42).sort((a, b) => a[1] - b[1]);
      const late = samples.filter((_, i) => i % 7 === 3);
      const onTime = samples.filter((_, i) => i % 7 !== 3);
      clock.now = H0 + 2 * HOUR + 30_000;
      const soon = onTime.filter(([, at]) => at < clock.now);
      await store().append([record(1, columns(...soon))]);
      await expectSame(soon, 'nothing is summarised');
      await job().run();
      expect(await store().rollups.until()).toBe(H0 + HOUR);
      await expectSame(soon, 'the first hour is summarised');
      clock.now = H0 + 3 * HOUR + 30_000;
      await store().append([record(2, columns(...onTime.filter((sample) => !soon.includes(sample))))]);
      await expectSame(onTime, 'some is summarised');
      clock.now = H0 + 3 * HOUR + 600_000;
      await job().run();
      await job().run();
      expect(await store().rollups.until()).toBe(H0 + 3 * HOUR);
      expect((await store().rollups.read([3], H0, H0 + 3 * HOUR, 1_000)).get(3)).toHaveLength(3_600);
      await expectSame(onTime, 'all is summarised');
      await store().append([record(3, columns(...late))]);
      expect(
        (await store().rollups.late({ tags: [3], from: H0, to: H0 + 3 * HOUR })).map(({ hour }) => hour),
      ).toEqual([H0 + HOUR]);
      await expectSame(samples, 'some is late');
      await reopen();
      await job().run();
      expect(await store().rollups.late()).toEqual([]);
      await expectSame(samples, 'the late ones are summarised');
      const hours = (await store().rollups.read(tags, H0 - HOUR, H0 + 3 * HOUR, HOUR)).values();
      expect([...hours].flat().reduce((sum, { count }) => sum + count, 0)).toBe(await store().count());
    });

    it('marks again what comes while an hour is summarised', async () => {
      clock.now = H0 + 5 * HOUR;
      await store().rollups.setUntil(H0 + 4 * HOUR);
      await store().append([record(1, columns([1, H0 + 1, 1]))]);
      const seen = await store().rollups.late();
      await store().append([record(2, columns([1, H0 + 2, 2]))]);
      await store().rollups.clearLate(seen);
      expect((await store().rollups.late()).map(({ tag, hour }) => [tag, hour])).toEqual([[1, H0]]);
    });

    it('deletes tags and times, and their summaries with them', async () => {
      const samples = samplesOf3(7).sort((a, b) => a[1] - b[1]);
      clock.now = H0 + 4 * HOUR;
      await store().append([record(1, columns(...samples))]);
      await job().run();
      const [from, to] = [H0 + 10 * 60_000, H0 + 2 * HOUR + 60_000];
      await store().delete([2, 3], from, to);
      const left = samples.filter(([tag, at]) => tag === 1 || at < from || at >= to);
      await expectSame(left, 'before it is summarised anew');
      await job().run();
      await expectSame(left, 'after it');
      expect(await store().count()).toBe(left.length);
      await store().append([record(2, columns([2, H0 + HOUR, 5]))]);
      expect((await store().range(2, from, to)).map(({ value }) => value)).toEqual([5]);
    });

    it('deletes what is older than it shall be, and keeps what was true then', async () => {
      const day = 86_400_000;
      clock.now = H0 + 100 * day;
      const cut = Math.floor(clock.now / day) * day - 20 * day;
      await store().append([
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
        timeSeries: store(),
        retention,
        log: pino({ level: 'silent' }),
        now: () => clock.now,
      });
      await keeper.run();
      const all = async (tag: number) => (await store().range(tag, 0, clock.now)).map(({ at }) => at - cut);
      expect((await all(1)).slice(-4)).toEqual([-HOUR, HOUR, 2 * HOUR, 3 * HOUR]);
      expect(await all(2)).toEqual([-40 * day]);
      expect(await all(3)).toEqual([5]);
      expect([...(await store().rollups.read([1, 2], 0, clock.now, 60_000)).keys()]).toEqual([1]);
      const hours = await store().rollups.read([1, 2], 0, clock.now, HOUR);
      expect(hours.get(1)).toHaveLength(6);
      expect(hours.get(2)!.map(({ at }) => at)).toEqual([cut - 40 * day]);
      // Late by more than samples are kept: the summary stays as it is.
      await store().append([record(2, columns([1, cut - HOUR + 1, 99]))]);
      await keeper.run();
      expect((await store().rollups.read([1], cut - HOUR, cut, HOUR)).get(1)).toMatchObject([{ count: 1, max: 1 }]);
    });
  });
}
