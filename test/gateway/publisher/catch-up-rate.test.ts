import { expect, test } from 'vitest';
import { CatchUpRate } from '../../../gateway/publisher/catch-up-rate.ts';

test.each([
  [0, 5_000, 0],
  [4, 4_096, 1_000],
  [1, 512, 500],
])('%i KiB/s: %i bytes take %i ms', (kib, bytes, ms) => {
  const rate = new CatchUpRate(kib);
  expect(rate.waitMs(10)).toBe(0);
  rate.sent(bytes, 10);
  expect(rate.waitMs(10)).toBeCloseTo(ms);
  rate.sent(bytes, 10);
  expect(rate.waitMs(10)).toBeCloseTo(2 * ms);
  // What was not used is not saved up.
  rate.sent(bytes, 100_000);
  expect(rate.waitMs(100_000)).toBeCloseTo(ms);
});
