import { Backoff } from '@lineside/shared/time/backoff.ts';
import { expect, test } from 'vitest';

test('doubles from the first bound to the last, with jitter below each', () => {
  const bounds = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000];
  const seen = bounds.map(() => new Set<number>());
  for (let run = 0; run < 200; run++) {
    const backoff = new Backoff(500, 15_000);
    bounds.forEach((bound, attempt) => {
      const wait = backoff.next();
      expect(wait).toBeGreaterThanOrEqual(bound / 2);
      expect(wait).toBeLessThanOrEqual(bound);
      seen[attempt]!.add(wait);
    });
  }
  for (const waits of seen) expect(waits.size).toBeGreaterThan(50);
});

test('stays at the bound for ever, and begins anew when all is well', () => {
  const backoff = new Backoff(500, 15_000);
  for (let i = 0; i < 5_000; i++) expect(backoff.next()).toBeLessThanOrEqual(15_000);
  expect(backoff.next()).toBeGreaterThanOrEqual(7_500);
  backoff.reset();
  expect(backoff.next()).toBeLessThanOrEqual(500);
});
