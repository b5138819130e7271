/** How much a counter has counted over a range, through resets. */
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { StoredSample } from '../store/timeseries/time-series.ts';

export interface Count {
  /** Everything counted in the range. */
  total: number;
  /** What of it was counted while somebody saw the machine: only that may be held against the time it was seen. */
  seen: number;
}

/**
 * Sums the increases between Good samples. A counter that falls was set to 0 and counted on: what it shows now was
 * made since then. What was counted across `from` belongs to the range only when the machine was seen all the way:
 * else it may have been made at any time before.
 *
 * @param samples by time, beginning with the newest before `from`
 * @param windows when the machine was seen, by time, within the range
 * @returns null while no two Good samples tell anything, for then nothing is known
 */
export function countOf(
  samples: readonly StoredSample[],
  from: number,
  windows: { from: number; to: number }[],
): Count | null {
  let previous: { at: number; value: number } | null = null;
  let count: Count | null = null;
  let window = 0;
  for (const { at, value, quality } of samples) {
    if (!isGood(quality) || typeof value !== 'number' || !Number.isFinite(value)) continue;
    if (previous) {
      const begin = Math.max(from, previous.at);
      while (window < windows.length && windows[window]!.to < at) window++;
      const seen = window < windows.length && windows[window]!.from <= begin;
      if (seen || previous.at >= from) {
        const increase = value >= previous.value ? value - previous.value : value;
        count ??= { total: 0, seen: 0 };
        count.total += increase;
        if (seen) count.seen += increase;
      }
    }
    previous = { at, value };
  }
  return count;
}
