/**
 * The states of a machine over a range of time, without hole and without overlap: every millisecond belongs to
 * exactly one state, and what nobody saw belongs to `unknown`.
 */
import { isGood } from '@lineside/shared/contracts/quality.ts';
import { linkedIntervals } from '../store/timeseries/linked-intervals.ts';
import type { StoredSample } from '../store/timeseries/time-series.ts';
import { type StateMeaning, UNKNOWN_STATE } from './state-map.ts';

export interface StateInterval extends StateMeaning {
  from: number;
  /** Not included. */
  to: number;
}

/**
 * @param states samples of the state tag by time, beginning with the newest before `from`
 * @param links samples of the device's link tag by time, beginning with the newest before `from`
 */
export function timeline(
  states: readonly StoredSample[],
  links: StoredSample[],
  meaning: (code: number) => StateMeaning,
  from: number,
  to: number,
): StateInterval[] {
  const seen = linkedIntervals(links, from, to);
  const intervals: StateInterval[] = [];
  let position = 0;
  for (const window of seen) {
    push(intervals, { ...UNKNOWN_STATE, from: intervals.at(-1)?.to ?? from, to: window.from });
    // Advance to the last state sample at or before the window's begin.
    while (position + 1 < states.length && states[position + 1]!.at <= window.from) position++;
    let at = window.from;
    for (let i = position; i < states.length && states[i]!.at < window.to; i++) {
      const until = Math.min(window.to, states[i + 1]?.at ?? window.to);
      const begin = Math.max(at, states[i]!.at);
      push(intervals, { ...UNKNOWN_STATE, from: at, to: begin });
      push(intervals, { ...understand(states[i]!, meaning), from: begin, to: Math.max(begin, until) });
      at = Math.max(begin, until);
    }
    push(intervals, { ...UNKNOWN_STATE, from: at, to: window.to });
  }
  push(intervals, { ...UNKNOWN_STATE, from: intervals.at(-1)?.to ?? from, to });
  return intervals;
}

function understand(sample: StoredSample, meaning: (code: number) => StateMeaning): StateMeaning {
  const { value, quality } = sample;
  if (!isGood(quality) || value === null || typeof value === 'string') return UNKNOWN_STATE;
  return meaning(Number(value));
}

function push(intervals: StateInterval[], next: StateInterval): void {
  if (next.to <= next.from) return;
  const last = intervals.at(-1);
  if (last && last.name === next.name && last.category === next.category && last.to === next.from) last.to = next.to;
  else intervals.push(next);
}
