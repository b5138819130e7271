/**
 * What a stretch of time of one tag comes to, in a form that can be put together: of seconds come minutes, of minutes
 * hours, of any of them what somebody asks for. Only what is inside counts, so a late sample changes its own stretch and
 * no other one; what a value held on from before adds to a mean over time is found when stretches are put together.
 */
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { StoredSample } from './time-series.ts';

/** Numbers are of Good samples that are finite numbers, or booleans as 0 and 1: those that count. */
export interface Summary {
  /** Where the stretch begins. */
  at: number;
  /** Samples of any kind and quality. */
  count: number;
  /** Samples that count. */
  good: number;
  sum: number;
  /** Null when none counts, as are the next three. */
  min: number | null;
  max: number | null;
  first: number | null;
  last: number | null;
  /** Times of the first and the last sample of any kind. */
  firstAt: number;
  lastAt: number;
  /** What holds on after the last sample; null when that one does not count. */
  carry: number | null;
  /** Value times milliseconds, between the first and the last sample, and how many of these had a value. */
  area: number;
  coveredMs: number;
}

export interface Bucket {
  at: number;
  /** Of the samples that count; null when there are none, as are all but `count`. */
  mean: number | null;
  min: number | null;
  max: number | null;
  first: number | null;
  last: number | null;
  /** Each value weighted with how long it held, a value held on from before the bucket included. */
  timeWeightedMean: number | null;
  /** Samples of any kind and quality. */
  count: number;
  /** Samples that count. */
  good: number;
}

/** The number that a sample counts as; null when it does not. */
export function numberOf({ value, quality }: StoredSample): number | null {
  if (!isGood(quality)) return null;
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Makes summaries of samples that come in order. */
export class Summarizer {
  readonly #from: number;
  readonly #stepMs: number;
  readonly summaries: Summary[] = [];
  #open: Summary | undefined;

  /** @param from where the first stretch begins */
  constructor(from: number, stepMs: number) {
    this.#from = from;
    this.#stepMs = stepMs;
  }

  /** @param value what the sample counts as */
  add(at: number, value: number | null): void {
    const begin = this.#from + Math.floor((at - this.#from) / this.#stepMs) * this.#stepMs;
    let open = this.#open;
    if (!open || open.at !== begin) {
      open = { ...emptyAt(begin), firstAt: at, lastAt: at };
      this.#open = open;
      this.summaries.push(open);
    }
    if (open.carry !== null) {
      open.area += open.carry * (at - open.lastAt);
      open.coveredMs += at - open.lastAt;
    }
    open.count++;
    open.lastAt = at;
    open.carry = value;
    if (value === null) return;
    open.good++;
    open.sum += value;
    open.min = open.min === null ? value : Math.min(open.min, value);
    open.max = open.max === null ? value : Math.max(open.max, value);
    open.first ??= value;
    open.last = value;
  }
}

/** Puts summaries that follow one another together to longer ones, which begin at `from` and each `stepMs` later. */
export function combine(parts: Iterable<Summary>, from: number, stepMs: number): Summary[] {
  const whole: Summary[] = [];
  let open: Summary | undefined;
  for (const part of parts) {
    const begin = from + Math.floor((part.at - from) / stepMs) * stepMs;
    if (!open || open.at !== begin) {
      open = { ...part, at: begin };
      whole.push(open);
      continue;
    }
    if (open.carry !== null) {
      open.area += open.carry * (part.firstAt - open.lastAt);
      open.coveredMs += part.firstAt - open.lastAt;
    }
    open.area += part.area;
    open.coveredMs += part.coveredMs;
    open.count += part.count;
    open.good += part.good;
    open.sum += part.sum;
    open.min = lesser(open.min, part.min);
    open.max = greater(open.max, part.max);
    open.first ??= part.first;
    open.last = part.last ?? open.last;
    open.lastAt = part.lastAt;
    open.carry = part.carry;
  }
  return whole;
}

/**
 * Summaries of buckets as they are shown.
 *
 * @param held what the tag was just before the first of them; null when nobody knows
 * @param until where the last bucket ends at the latest
 */
export function bucketsOf(summaries: Summary[], stepMs: number, held: number | null, until: number): Bucket[] {
  let value = held;
  return summaries.map((summary) => {
    const { at, count, good, sum, min, max, first, last, carry } = summary;
    let { area, coveredMs } = summary;
    if (value !== null) {
      area += value * (summary.firstAt - at);
      coveredMs += summary.firstAt - at;
    }
    const end = Math.max(summary.lastAt, Math.min(at + stepMs, until));
    if (carry !== null) {
      area += carry * (end - summary.lastAt);
      coveredMs += end - summary.lastAt;
    }
    value = carry;
    const mean = good > 0 ? sum / good : null;
    return {
      at,
      mean,
      min,
      max,
      first,
      last,
      timeWeightedMean: coveredMs > 0 ? area / coveredMs : mean,
      count,
      good,
    };
  });
}

function emptyAt(at: number): Summary {
  return {
    ...{ at, count: 0, good: 0, sum: 0, min: null, max: null, first: null, last: null },
    ...{ firstAt: at, lastAt: at, carry: null, area: 0, coveredMs: 0 },
  };
}

function lesser(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

function greater(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
