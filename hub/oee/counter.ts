/** How much a counter has counted over a range, through resets. */
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { StoredSample } from '../store/timeseries/time-series.ts';

/**
 * Sum of the increases between Good samples, which are by time and begin with the newest before the range. A
 * counter that falls was set to 0 and counted on: what it shows now was made since then. Null when fewer than two
 * Good samples exist, for then nothing is known.
 */
export function counted(samples: StoredSample[]): number | null {
  let previous: number | null = null;
  let sum = 0;
  let known = 0;
  for (const { value, quality } of samples) {
    if (!isGood(quality) || typeof value !== 'number' || !Number.isFinite(value)) continue;
    known++;
    if (previous !== null) sum += value >= previous ? value - previous : value;
    previous = value;
  }
  return known >= 2 ? sum : null;
}
