/** From when on something is kept. */
import type { RetentionConfig } from './config.ts';
import { HOUR_MS, MINUTE_MS, type RollupLevel } from './rollup-levels.ts';

const DAY_MS = 86_400_000;

/** Samples before this midnight (UTC) are deleted; -Infinity: none are. */
export function rawFrom({ samplesDays }: RetentionConfig, now: number): number {
  return daysBefore(samplesDays, now);
}

/** Summaries of a length before this midnight (UTC) are deleted; -Infinity: none are. */
export function retainedFrom(config: RetentionConfig, level: RollupLevel, now: number): number {
  const { secondsDays, minutesDays, hoursDays } = config;
  return daysBefore(level === HOUR_MS ? hoursDays : level === MINUTE_MS ? minutesDays : secondsDays, now);
}

function daysBefore(days: number | undefined, now: number): number {
  return days === undefined ? Number.NEGATIVE_INFINITY : Math.floor(now / DAY_MS) * DAY_MS - days * DAY_MS;
}
