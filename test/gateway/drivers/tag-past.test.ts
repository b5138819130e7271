import { describe, expect, test } from 'vitest';
import { cameAt, readAt, type TagPast } from '../../../gateway/drivers/tag-past.ts';

const EVER = Number.POSITIVE_INFINITY;

describe('what is missing', () => {
  type Came = [at: number, missing?: boolean];
  test.each<{ what: string; came: Came[]; gaps: [from: number, to: number][]; maxGapMs?: number }>([
    { what: 'nothing, before the first value', came: [[100, true]], gaps: [] },
    { what: 'nothing, while all comes', came: [[100], [200], [300]], gaps: [] },
    { what: 'what lies between two values', came: [[100], [200, true], [300]], gaps: [[100, 200]] },
    { what: 'nothing, when the value is the one of before', came: [[100], [100, true], [200]], gaps: [] },
    { what: 'nothing, between neighbours', came: [[100], [101, true]], gaps: [] },
    { what: 'nothing, when the clock was set back', came: [[100], [50, true], [60]], gaps: [] },
    {
      what: 'only what is before a value that comes late',
      came: [[100], [400, true], [200], [300]],
      gaps: [[100, 200]],
    },
    { what: 'the newest part of a long gap', came: [[100], [900, true]], gaps: [[800, 900]], maxGapMs: 100 },
    {
      what: 'two gaps',
      came: [[100], [200, true], [300], [400, true]],
      gaps: [
        [100, 200],
        [300, 400],
      ],
    },
  ])('$what', ({ came, gaps, maxGapMs }) => {
    const past: TagPast = { at: 0, gaps: [] };
    for (const [at, missing] of came) cameAt(past, at, missing ?? false, maxGapMs ?? EVER);
    expect(past).toEqual({ at: came.at(-1)![0], gaps: gaps.map(([from, to]) => ({ from, to })) });
  });

  test('gaps that come faster than they are read are not collected for ever', () => {
    const past: TagPast = { at: 1, gaps: [] };
    const results = Array.from({ length: 100 }, (_, i) => cameAt(past, 10 * (i + 1), true, EVER));
    expect(past.gaps).toHaveLength(32);
    expect(results.at(-1)).toBe('full');
    expect(past.at).toBe(1000);
  });
});

test('what is read is missing no more, and what came is not taken again', () => {
  const past: TagPast = {
    at: 900,
    gaps: [
      { from: 100, to: 200 },
      { from: 300, to: 400 },
    ],
  };
  expect([100, 101, 150, 150, 140, 200, 250, 350, 400].map((at) => readAt(past, at))).toEqual([
    ...[false, true, true, false, false, false, false, true, false],
  ]);
  expect(past.gaps).toEqual([
    { from: 150, to: 200 },
    { from: 350, to: 400 },
  ]);
});
