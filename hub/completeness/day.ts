/** Days of a plant: from midnight to midnight on its clocks, so 23 or 25 hours when those change. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Temporal } from 'temporal-polyfill';

export interface DayWindow {
  day: string;
  /** Milliseconds since 1970 UTC; `to` is not included. */
  from: number;
  to: number;
}

/** @throws LinesideError DAY_INVALID */
export function dayWindow(day: string, timeZone: string): DayWindow {
  let date: Temporal.PlainDate;
  try {
    date = Temporal.PlainDate.from(day);
  } catch (cause) {
    throw new LinesideError('DAY_INVALID', 'peer', `"${day}" is no day; write one such as 2026-11-22`, { cause });
  }
  const at = (each: Temporal.PlainDate) => each.toZonedDateTime({ timeZone }).epochMilliseconds;
  return { day: date.toString(), from: at(date), to: at(date.add({ days: 1 })) };
}

/** The day of a moment, and so many days before it; today is 0. */
export function dayBefore(days: number, timeZone: string, now: number): DayWindow {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  return dayWindow(today.subtract({ days }).toString(), timeZone);
}
