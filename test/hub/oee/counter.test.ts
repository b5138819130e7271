import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';
import { countOf } from '../../../hub/oee/counter.ts';

type Sample = [at: number, value: number | string | boolean | null, quality?: number];
const ALWAYS: [number, number][] = [[100, 200]];

describe('a counter over a range', () => {
  test.each<{ name: string; samples: Sample[]; windows?: [number, number][]; want: ReturnType<typeof countOf> }>([
    { name: 'nothing seen is not known', samples: [], want: null },
    { name: 'the first sample alone tells nothing', samples: [[110, 500]], want: null },
    { name: 'nor does one from before alone', samples: [[90, 500]], want: null },
    {
      name: 'an unchanged counter has counted nothing',
      samples: [
        [110, 5],
        [150, 5],
      ],
      want: { total: 0, seen: 0 },
    },
    {
      name: 'increases add up',
      samples: [
        [110, 5],
        [120, 8],
        [150, 11],
      ],
      want: { total: 6, seen: 6 },
    },
    {
      name: 'it goes on from before the range',
      samples: [
        [99, 5],
        [101, 6],
      ],
      want: { total: 1, seen: 1 },
    },
    {
      name: 'after a reset it has made what it shows',
      samples: [
        [110, 990],
        [120, 1000],
        [130, 3],
        [140, 7],
      ],
      want: { total: 17, seen: 17 },
    },
    {
      name: 'a reset to 0 adds nothing',
      samples: [
        [110, 10],
        [120, 0],
        [130, 2],
      ],
      want: { total: 2, seen: 2 },
    },
    {
      name: 'Bad samples are passed over, also when they show 0',
      samples: [
        [110, 10],
        [120, 0, Quality.Bad],
        [130, null, Quality.BadTimeout],
        [140, 12],
      ],
      want: { total: 2, seen: 2 },
    },
    {
      name: 'what is no finite number is passed over',
      samples: [
        [110, 10],
        [115, Number.NaN],
        [120, Infinity],
        [125, '11'],
        [126, true],
        [130, 11],
      ],
      want: { total: 1, seen: 1 },
    },
    {
      name: 'parts of a unit count',
      samples: [
        [110, 0.25],
        [120, 1],
        [130, 1.75],
      ],
      want: { total: 1.5, seen: 1.5 },
    },
    {
      name: 'what was counted in silence is made, but was not seen',
      samples: [
        [110, 10],
        [120, 12],
        [160, 100],
        [170, 101],
      ],
      windows: [
        [100, 130],
        [155, 200],
      ],
      want: { total: 91, seen: 3 },
    },
    {
      name: 'what came together over a weekend that nobody saw is not of this shift',
      samples: [
        [20, 10],
        [110, 50_000],
        [120, 50_002],
      ],
      windows: [[105, 200]],
      want: { total: 2, seen: 2 },
    },
    {
      name: 'a weekend and one sample tell nothing of this shift',
      samples: [
        [20, 10],
        [110, 50_000],
      ],
      windows: [[105, 200]],
      want: null,
    },
  ])('$name', ({ samples, windows, want }) => {
    const stored = samples.map(([at, value, quality]) => ({ at, value, quality: quality ?? Quality.Good }));
    const seen = (windows ?? ALWAYS).map(([from, to]) => ({ from, to }));
    expect(countOf(stored, 100, seen)).toEqual(want);
  });
});
