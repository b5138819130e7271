import type { History } from '@lineside/shared/contracts/api.ts';
import { describe, expect, test } from 'vitest';
import { BucketGrid } from '../../../hub/web/src/chart/bucket-grid.ts';
import { loadHistory } from '../../../hub/web/src/chart/history-points.ts';

const T0 = 1_700_000_000_000;

describe('a ring of buckets', () => {
  test('keeps mean, minimum and maximum of what falls into one bucket', () => {
    const grid = new BucketGrid(1_000, 10);
    for (const value of [4, 8, 6]) grid.add(T0 + 100, value);
    expect(grid.read(T0, 1)).toEqual({ mean: [6], min: [4], max: [8] });
  });

  test('an empty bucket is no gap, a break is one', () => {
    const grid = new BucketGrid(1_000, 10);
    grid.add(T0, 1);
    grid.add(T0 + 2_000, 2);
    grid.breakAt(T0 + 3_000);
    grid.add(T0 + 4_000, 3);
    expect(grid.read(T0, 5).mean).toEqual([1, undefined, 2, null, 3]);
  });

  test('a break lasts until the next value', () => {
    const grid = new BucketGrid(1_000, 10);
    grid.add(T0, 1);
    grid.breakAt(T0 + 1_000);
    grid.add(T0 + 4_000, 2);
    expect(grid.read(T0, 6).mean).toEqual([1, null, null, null, 2, undefined]);
  });

  test('a break in the bucket of a good value moves to the next, and gives way to the next good one', () => {
    const grid = new BucketGrid(1_000, 10);
    grid.add(T0, 1);
    grid.breakAt(T0 + 500);
    expect(grid.read(T0, 2).mean).toEqual([1, null]);
    grid.add(T0 + 1_500, 2);
    expect(grid.read(T0, 2).mean).toEqual([1, 2]);
  });

  test('turns on: the oldest falls out, what is too late is passed over, what is a bit late is taken', () => {
    const grid = new BucketGrid(1_000, 3);
    for (let i = 0; i < 5; i++) grid.add(T0 + i * 1_000, i);
    grid.add(T0, 99);
    expect(grid.read(T0, 6).mean).toEqual([undefined, undefined, 2, 3, 4, undefined]);
    grid.add(T0 + 3_000, 5);
    expect(grid.read(T0 + 3_000, 1)).toEqual({ mean: [4], min: [3], max: [5] });
  });

  test('after a silence longer than the ring nothing of the last round is left', () => {
    const grid = new BucketGrid(1_000, 4);
    for (let i = 0; i < 4; i++) grid.add(T0 + i * 1_000, i);
    grid.add(T0 + 60_000, 7);
    expect(grid.read(T0 + 57_000, 4).mean).toEqual([undefined, undefined, undefined, 7]);
    expect(grid.newest()).toBe(T0 + 60_000);
  });

  test('ten values a second of four tags for an hour cost no more memory than the ring has', () => {
    const grid = new BucketGrid(5_000, 780);
    for (let i = 0; i < 36_000; i++) grid.add(T0 + i * 100, i % 7);
    const shown = grid.read(T0 + 3_600_000 - 720 * 5_000, 720);
    expect(shown.mean).toHaveLength(720);
    expect(shown.min.every((value) => value === 0)).toBe(true);
    expect(shown.max.every((value) => value === 6)).toBe(true);
  });

  test('what is no number does not draw', () => {
    const grid = new BucketGrid(1_000, 3);
    grid.add(T0, Number.NaN);
    expect(grid.read(T0, 1).mean).toEqual([undefined]);
  });
});

describe('a history on the grid', () => {
  const history = (mean: (number | null)[], stepMs: number, raw: boolean): History => ({
    ...{ tag: 1, unit: '', raw, stepMs: null, mean, min: mean, max: mean },
    at: mean.map((_, i) => T0 + i * stepMs),
  });

  test('keeps the extremes of its buckets', () => {
    const grid = new BucketGrid(1_000, 10);
    loadHistory(grid, { ...history([5], 1_000, false), min: [1], max: [9] });
    expect(grid.read(T0, 1)).toEqual({ mean: [5], min: [1], max: [9] });
  });

  test('raw: each bad sample breaks the line', () => {
    const grid = new BucketGrid(1_000, 10);
    loadHistory(grid, history([1, null, 2], 1_000, true));
    expect(grid.read(T0, 3).mean).toEqual([1, null, 2]);
  });

  test('buckets: a slow tag has no holes, a missing minute is one', () => {
    const grid = new BucketGrid(1_000, 40);
    const slow = [1, null, 2, null, 3, null, 4];
    loadHistory(grid, history([...slow, ...Array<null>(10).fill(null), 5, null, 6], 1_000, false));
    const { mean } = grid.read(T0, 20);
    expect(mean.slice(0, 7)).toEqual([1, undefined, 2, undefined, 3, undefined, 4]);
    expect(mean.slice(7, 17)).toEqual(Array(10).fill(null));
    expect(mean.slice(17)).toEqual([5, undefined, 6]);
  });

  test('loaded after the first live values it does not hide them', () => {
    const grid = new BucketGrid(1_000, 10);
    grid.add(T0 + 3_000, 9);
    loadHistory(grid, history([1, 2, 3], 1_000, false));
    expect(grid.read(T0, 4).mean).toEqual([1, 2, 3, 9]);
  });
});
