/** Puts together what is known of a day of one gateway. Pure: it is given all that was found. */
import type {
  CompletenessStatement,
  DeviceCompleteness,
  Missing,
  Silence,
} from '@lineside/shared/contracts/completeness.ts';
import { linkedIntervals } from '../store/timeseries/linked-intervals.ts';
import type { StoredSample, TagCount } from '../store/timeseries/time-series.ts';
import type { DayWindow } from './day.ts';

/** More is not listed; the sums count it. */
const MOST_SILENCES = 200;

export interface DeviceFindings {
  device: string;
  counts: TagCount[];
  /** Of its link tag by time, beginning with the newest before the day. */
  links: StoredSample[];
  /** When it was first connected; null when never. */
  firstSeenAt: number | null;
}

/** @param now the device's day ends here, when it is not over yet */
export function deviceCompleteness(found: DeviceFindings, day: DayWindow, now: number): DeviceCompleteness {
  const { device, counts, links, firstSeenAt } = found;
  const to = Math.min(day.to, now);
  const from = firstSeenAt === null ? to : Math.min(to, Math.max(day.from, firstSeenAt));
  const linked = linkedIntervals(links, from, to);
  const silent = silences(linked, links, from, to);
  const first = counts.map(({ firstAt }) => firstAt);
  const last = counts.map(({ lastAt }) => lastAt);
  return {
    device,
    samples: counts.reduce((sum, { samples }) => sum + samples, 0),
    firstAt: first.length > 0 ? Math.min(...first) : null,
    lastAt: last.length > 0 ? Math.max(...last) : null,
    collectedMs: linked.reduce((sum, window) => sum + window.to - window.from, 0),
    expectedMs: to - from,
    silent: [...silent]
      .sort((a, b) => b.to - b.from - (a.to - a.from))
      .slice(0, MOST_SILENCES)
      .sort((a, b) => a.from - b.from),
  };
}

function silences(
  linked: { from: number; to: number }[],
  links: StoredSample[],
  from: number,
  to: number,
): Silence[] {
  const silent: Silence[] = [];
  let at = from;
  for (const window of [...linked, { from: to, to }]) {
    if (window.from > at) silent.push({ from: at, to: window.from, cause: causeOf(links, at, window.from) });
    at = window.to;
  }
  return silent;
}

/** A gateway that says "it does not answer" is there. */
function causeOf(links: StoredSample[], from: number, to: number): Silence['cause'] {
  return links.some(({ at, value }) => value === 0 && at >= from && at < to) ? 'deviceDown' : 'gatewayAway';
}

/**
 * @param deliveredUntil newest time up to which the gateway's own heartbeats are stored; null when there is none
 */
export function deliveryOf(
  missing: Missing[],
  deliveredUntil: number | null,
  day: DayWindow,
  now: number,
): CompletenessStatement['delivery'] {
  if (missing.length > 0) return 'incomplete';
  return day.to <= now && deliveredUntil !== null && deliveredUntil >= day.to ? 'complete' : 'open';
}
