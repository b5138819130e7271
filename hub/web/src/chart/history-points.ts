import type { History } from '@lineside/shared/contracts/api.ts';
import type { BucketGrid } from './bucket-grid.ts';

/** How many times the usual distance of two samples must be missing before silence counts as a gap. */
const GAP_FACTOR = 3;

/**
 * Puts a history on a chart's grid. In raw samples every null is a bad one and breaks the line. In buckets a null
 * may only mean that a slow tag was not due in so narrow a bucket: the line breaks when it is missing for longer
 * than three times its usual distance.
 */
export function loadHistory(grid: BucketGrid, history: History): void {
  const spacing = history.raw ? 0 : usualSpacing(history);
  let lastGood: number | null = null;
  let firstNull: number | null = null;
  for (let i = 0; i < history.at.length; i++) {
    const at = history.at[i]!;
    const mean = history.mean?.[i];
    if (mean === null || mean === undefined) {
      firstNull ??= at;
      if (history.raw) grid.breakAt(at);
      continue;
    }
    if (!history.raw && firstNull !== null && lastGood !== null && at - lastGood > spacing * GAP_FACTOR) {
      grid.breakAt(firstNull);
    }
    grid.addBucket(at, mean, history.min?.[i] ?? mean, history.max?.[i] ?? mean);
    lastGood = at;
    firstNull = null;
  }
}

/** Median distance of two neighbouring good points, milliseconds; 0 when there are fewer than two. */
function usualSpacing(history: History): number {
  const distances: number[] = [];
  let last: number | null = null;
  for (let i = 0; i < history.at.length; i++) {
    if (history.mean?.[i] == null) continue;
    const at = history.at[i]!;
    if (last !== null) distances.push(at - last);
    last = at;
  }
  distances.sort((a, b) => a - b);
  return distances[Math.floor(distances.length / 2)] ?? 0;
}
