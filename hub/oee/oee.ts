/**
 * Overall equipment effectiveness by ISO 22400-2:
 *   availability = APT / PBT       actual production time over planned busy time
 *   effectiveness = PRI × PQ / APT planned run time for each item × produced quantity over production time
 *   quality ratio = GQ / PQ        good quantity over produced quantity
 *   OEE index = availability × effectiveness × quality ratio
 * Planned busy time is the shift so far, less what nobody saw: a time without knowledge is neither good nor bad, and
 * what was counted in it is left out of the effectiveness likewise.
 * When more than half of the shift is unknown, so is the availability.
 */
import type { Oee } from '@lineside/shared/contracts/api.ts';
import type { CounterSignals } from '../equipment/plant-config.ts';
import type { Count } from './counter.ts';
import type { ShiftWindow } from './shift-window.ts';
import type { StateInterval } from './timeline.ts';

/** Above this share of unknown time the availability of a shift is not told. */
const MAX_UNKNOWN_SHARE = 0.5;

export interface OeeInput {
  shift: ShiftWindow;
  /** End of the range looked at, at most the shift's. */
  now: number;
  /** Null when the machine has no state signal. */
  intervals: StateInterval[] | null;
  counters: CounterSignals | null;
  /** Counts in the range, unscaled; null when unknown. */
  total: Count | null;
  reject: Count | null;
}

export function oeeOf(input: OeeInput): Oee {
  const { shift, now, counters } = input;
  const time = times(input.intervals, shift.from, now);
  const elapsed = now - shift.from;
  const known = elapsed - time.unknownMs;
  const reasons: string[] = [];
  const unknown = (reason: string): null => {
    reasons.push(reason);
    return null;
  };

  let availability: number | null;
  if (!input.intervals) availability = unknown('no state signal is configured');
  else if (known <= 0) availability = unknown('the state was not known at any time in this shift');
  else if (time.unknownMs > elapsed * MAX_UNKNOWN_SHARE) {
    availability = unknown(`the state is unknown for ${Math.round((time.unknownMs / elapsed) * 100)} % of the shift`);
  } else availability = time.producingMs / known;

  const total = input.total === null || !counters ? null : input.total.total * counters.scale;
  const rejected = input.reject === null || !counters ? null : input.reject.total * counters.scale;

  let performance: number | null;
  if (!counters) performance = unknown('no counter is configured');
  else if (counters.idealPerHour === undefined) performance = unknown('no planned rate is configured');
  else if (input.total === null) performance = unknown('the counter has not been seen often enough');
  else if (time.producingMs === 0) performance = unknown('it has not been seen to produce in this shift');
  else {
    // Production that nobody saw counts as made, but not against the time in which the machine was seen.
    performance = (input.total.seen * counters.scale) / (counters.idealPerHour * (time.producingMs / 3_600_000));
  }

  let quality: number | null;
  if (!counters) quality = null;
  else if (counters.reject === undefined) quality = unknown('no reject counter is configured');
  else if (total === null || rejected === null) quality = unknown('the counters have not been seen often enough');
  else if (total === 0) quality = unknown('nothing has been made in this shift');
  else quality = Math.max(0, total - rejected) / total;

  const oee =
    availability === null || performance === null || quality === null ? null : availability * performance * quality;
  return {
    shift: shift.name,
    from: shift.from,
    to: now,
    availability,
    performance,
    quality,
    oee,
    reason: reasons.join('; '),
    good: total === null || rejected === null ? null : Math.max(0, total - rejected),
    reject: rejected,
    unit: counters?.unit ?? '',
    ...time,
  };
}

/** OEE outside of all shifts: nothing is planned, so nothing is measured. */
export function noShift(now: number, unit: string): Oee {
  return {
    shift: '',
    from: now,
    to: now,
    availability: null,
    performance: null,
    quality: null,
    oee: null,
    reason: 'no shift is planned now',
    good: null,
    reject: null,
    unit,
    ...times([], now, now),
  };
}

function times(intervals: StateInterval[] | null, from: number, to: number) {
  const sum = { producingMs: 0, idleMs: 0, stoppedMs: 0, downMs: 0, unknownMs: 0 };
  if (!intervals) return { ...sum, unknownMs: to - from };
  for (const interval of intervals) sum[`${interval.category}Ms`] += interval.to - interval.from;
  return sum;
}
