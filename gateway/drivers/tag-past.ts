/**
 * How far the values of a tag have come, and what is missing between them: what a driver needs to ask its device's own
 * history for the rest, and what the gateway keeps of it over a restart (`gateway/tag-pasts.ts`).
 */

/** A span of source time without its ends, milliseconds since 1970 UTC. */
export interface Gap {
  from: number;
  to: number;
}

export interface TagPast {
  /** Source time of the newest value that came, milliseconds since 1970 UTC; 0 when none has come yet. */
  at: number;
  /** Where values may be missing that the device still has: oldest first, none overlaps another. */
  gaps: Gap[];
}

/** Beyond so many gaps of one tag, the newest is left as it is: its device loses values faster than they are read. */
const MAX_GAPS = 32;

/**
 * A value of the device came at this source time.
 *
 * @param missing values before it may not have come
 * @param maxGapMs of a longer gap only the newest part is kept, milliseconds
 * @returns the gap that it closes, null when there is none, `full` when there is no room for it
 */
export function cameAt(past: TagPast, at: number, missing: boolean, maxGapMs: number): Gap | null | 'full' {
  const before = past.at;
  past.at = at;
  const newest = past.gaps.at(-1);
  // It is older than what came already: what follows it will come by itself, too.
  if (newest && at < before && at > newest.from && at < newest.to) newest.to = at;
  // Between two neighbours of a millisecond there is nothing that a frame could tell.
  if (!missing || before === 0 || at - before < 2) return null;
  if (past.gaps.length >= MAX_GAPS) return 'full';
  const gap = { from: Math.max(before, at - maxGapMs), to: at };
  past.gaps.push(gap);
  return gap;
}

/**
 * A value was read out of the device's history at this source time: what is still missing comes after it.
 *
 * @returns false when it is in none of the gaps, because it has come already
 */
export function readAt(past: TagPast, at: number): boolean {
  const gap = past.gaps.find(({ from, to }) => at > from && at < to);
  if (gap) gap.from = at;
  return gap !== undefined;
}
