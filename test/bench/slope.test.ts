import { expect, test } from 'vitest';
import { slopeOf } from './slope.ts';

test.each([
  { what: 'a line', y: [3, 5, 7, 9], slope: 2, error: 0 },
  { what: 'no growth', y: [4, 4, 4, 4], slope: 0, error: 0 },
  // By hand: residuals ±1 around 0, sum of squares 3.2, 2 degrees of freedom, spread of x 5.
  { what: 'a saw', y: [1, -1, 1, -1], slope: -0.4, error: Math.sqrt(3.2 / 2 / 5) },
])('$what', ({ y, slope, error }) => {
  const found = slopeOf(y.map((each, x) => ({ x, y: each })));
  expect(found.slope).toBeCloseTo(slope, 9);
  expect(found.error).toBeCloseTo(error, 9);
});
