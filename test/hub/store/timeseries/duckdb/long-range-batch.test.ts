/** Ranges that are read together are those that would have been read one by one. */
import { describe, expect, test } from 'vitest';
import { LongRangeBatch, type LongReads } from '../../../../../hub/store/timeseries/duckdb/long-range-batch.ts';
import type { StoredSample } from '../../../../../hub/store/timeseries/time-series.ts';

const FROM = 1_000;
const sample = (at: number): StoredSample => ({ at, value: at, quality: 0 });

/** A sample before, and one each 10 ms. `counts`: what a tag is said to have, where it is much. */
function reads(counts: Record<number, number> = {}) {
  const asked = { before: [] as number[][], count: [] as number[][], read: [] as number[][] };
  const long: LongReads = {
    before: async (tags, at) => {
      asked.before.push(tags);
      return new Map(tags.filter((tag) => tag % 2 === 0).map((tag) => [tag, sample(at - tag)]));
    },
    count: async (tags) => {
      asked.count.push(tags);
      return new Map(tags.map((tag) => [tag, counts[tag] ?? 10]));
    },
    read: async (tags, from, to) => {
      asked.read.push(tags);
      const times = Array.from({ length: Math.ceil((to - from) / 10) }, (_, i) => from + 10 * i);
      return new Map(tags.map((tag) => [tag, times.map(sample)]));
    },
  };
  return { asked, batch: new LongRangeBatch(long) };
}

const times = (samples: StoredSample[]) => samples.map(({ at }) => at - FROM);

describe('long ranges that are asked for together', () => {
  test('are each what was asked for, by few questions', async () => {
    const { asked, batch } = reads();
    const tags = Array.from({ length: 120 }, (_, i) => i + 1);
    const found = await Promise.all(tags.map((tag) => batch.range(tag, FROM, FROM + (tag === 7 ? 20 : 30))));
    expect(times(found[0]!)).toEqual([0, 10, 20]);
    expect(times(found[1]!)).toEqual([-2, 0, 10, 20]);
    expect(times(found[6]!)).toEqual([0, 10]);
    expect([asked.before.length, asked.count.length, asked.read.length]).toEqual([3, 3, 3]);
  });

  test('take no more memory at once than a million samples, but for a tag that has more', async () => {
    const { asked, batch } = reads({ 1: 700_000, 2: 300_000, 3: 1, 4: 2_000_000, 5: 1 });
    await Promise.all([1, 2, 3, 4, 5].map((tag) => batch.range(tag, FROM, FROM + 10)));
    expect(asked.read).toEqual([[1, 2], [3], [4], [5]]);
  });

  test('that begin at other times are asked for apart, and fail apart', async () => {
    const { asked, batch } = reads();
    asked.before.push = (tags: number[]) => {
      if (tags.includes(2)) throw new Error('the disk is gone');
      return 0;
    };
    const outcomes = await Promise.allSettled([batch.range(1, FROM, FROM + 10), batch.range(2, FROM + 5, FROM + 10)]);
    expect(outcomes).toMatchObject([{ status: 'fulfilled' }, { reason: { message: 'the disk is gone' } }]);
  });
});
