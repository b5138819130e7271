/** How long the stretches are for which summaries are kept. Each hour of a tag is summarised as a whole. */
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

export type RollupLevel = typeof SECOND_MS | typeof MINUTE_MS | typeof HOUR_MS;
export const ROLLUP_LEVELS: readonly RollupLevel[] = [HOUR_MS, MINUTE_MS, SECOND_MS];

/** Seconds are kept of an hour with more samples than this: of one with fewer, the samples themselves are less. */
export const SECONDS_FROM_SAMPLES = 7_200;

/** A sample that is stored so long after its hour is marked as late. Milliseconds. */
const LATE_AFTER_MS = 60_000;
/** An hour is summarised so long after its end, so that what was stored without a mark is seen. Milliseconds. */
export const SETTLED_AFTER_MS = 2 * LATE_AFTER_MS;

export function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS) * HOUR_MS;
}

/** Samples before this time, stored now, belong to an hour that may have been summarised. */
export function lateBefore(now: number): number {
  return hourOf(now - LATE_AFTER_MS);
}
