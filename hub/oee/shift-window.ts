/**
 * Which shift runs at a moment. A shift is a half-open interval of local time; it may cross midnight, and on the
 * days when clocks change it is an hour shorter or longer in real time, as it is for the people in it.
 */
import { Temporal } from 'temporal-polyfill';
import type { Shift } from '../equipment/plant-config.ts';

export interface ShiftWindow {
  name: string;
  /** Milliseconds since 1970 UTC; `to` is not included. */
  from: number;
  to: number;
}

/** The shift that runs at `now`; null outside of all shifts. Where shifts overlap, the one that began last. */
export function runningShift(shifts: Shift[], timeZone: string, now: number): ShiftWindow | null {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  let running: ShiftWindow | null = null;
  for (const shift of shifts) {
    // A shift that began yesterday may still run.
    for (const date of [today.subtract({ days: 1 }), today]) {
      if (!shift.days.includes(date.dayOfWeek)) continue;
      const window = windowOn(shift, date, timeZone);
      if (window.from <= now && now < window.to && (!running || window.from > running.from)) running = window;
    }
  }
  return running;
}

function windowOn(shift: Shift, date: Temporal.PlainDate, timeZone: string): ShiftWindow {
  const from = Temporal.PlainTime.from(shift.from);
  const to = Temporal.PlainTime.from(shift.to);
  const lastDate = Temporal.PlainTime.compare(to, from) > 0 ? date : date.add({ days: 1 });
  return {
    name: shift.name,
    from: date.toZonedDateTime({ timeZone, plainTime: from }).epochMilliseconds,
    to: lastDate.toZonedDateTime({ timeZone, plainTime: to }).epochMilliseconds,
  };
}
