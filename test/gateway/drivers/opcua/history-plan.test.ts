import { expect, test } from 'vitest';
import { planTogether } from '../../../../gateway/drivers/opcua/history-plan.ts';

const HOUR = 3_600_000;

test.each<{ what: string; gaps: [from: number, to: number][]; limit?: number; together: number[] }>([
  { what: 'nothing', gaps: [], together: [] },
  {
    what: 'those of one outage',
    gaps: [
      [1000, 60_000],
      [900, 60_400],
      [1100, 60_100],
    ],
    together: [1, 0, 2],
  },
  {
    what: 'as many as the server takes',
    gaps: [
      [1000, 60_000],
      [900, 60_000],
      [1100, 60_000],
    ],
    limit: 2,
    together: [1, 0],
  },
  {
    what: 'not one that begins much later',
    gaps: [
      [0, HOUR],
      [HOUR / 2, HOUR],
    ],
    together: [0],
  },
  {
    what: 'not one that ends much later',
    gaps: [
      [0, HOUR],
      [0, 2 * HOUR],
    ],
    together: [0],
  },
  {
    what: 'long ones that differ by little',
    gaps: [
      [0, 24 * HOUR],
      [2 * HOUR, 25 * HOUR],
    ],
    together: [0, 1],
  },
])('read together: $what', ({ gaps, limit, together }) => {
  const missing = gaps.map(([from, to], index) => ({ index, gap: { from, to } }));
  expect(planTogether(missing, limit ?? 100).map(({ index }) => index)).toEqual(together);
});
