/** Spans and moments of time in the words of the reader's own language and zone. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From here on nobody counts seconds, and a figure that ticks only draws the eye. */
const STEADY = 10 * MINUTE;

/**
 * A span in its two largest units, such as `4 min 12 s` or `2 h 5 min`; seconds are left out from 10 minutes on.
 *
 * @param ms milliseconds; a negative span (two clocks disagree by a little) counts as none.
 */
export function formatDuration(ms: number): string {
  const span = Math.max(0, Math.floor(ms / SECOND) * SECOND);
  if (span < MINUTE) return `${span / SECOND} s`;
  if (span < STEADY) return pair(Math.floor(span / MINUTE), 'min', (span % MINUTE) / SECOND, 's');
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < DAY) return pair(Math.floor(span / HOUR), 'h', Math.floor((span % HOUR) / MINUTE), 'min');
  return pair(Math.floor(span / DAY), 'd', Math.floor((span % DAY) / HOUR), 'h');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A span in one unit, for where room is short and it changes quietly: `12 s`, `4 min`, `3 h`, `2 d`. */
export function formatDurationShort(ms: number): string {
  const span = Math.max(0, ms);
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < DAY) return `${Math.floor(span / HOUR)} h`;
  return `${Math.floor(span / DAY)} d`;
}

/** How long ago, without counting the seconds that are no news. @param ms milliseconds */
export function formatAgo(ms: number): string {
  return ms < 5 * SECOND ? 'just now' : `${formatDurationShort(ms)} ago`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const clockShort = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });

/** Time of day with seconds. @param at milliseconds since 1970 UTC */
export const formatClock = (at: number): string => clock.format(at);

/** Day of the week and date. @param at milliseconds since 1970 UTC */
export const formatDay = (at: number): string => day.format(at);

/** Date with its year. @param at milliseconds since 1970 UTC */
export const formatDate = (at: number): string => date.format(at);

/** Date and time of day with seconds, for a log. @param at milliseconds since 1970 UTC */
export const formatExact = (at: number): string => exact.format(at);

/** Date and time in full, with the zone: for a tooltip. @param at milliseconds since 1970 UTC */
export const formatFull = (at: number): string => full.format(at);

/**
 * Time of day when it is less than a day ago, else with the date.
 *
 * @param at milliseconds since 1970 UTC
 * @param now the same
 */
export function formatMoment(at: number, now: number): string {
  return now - at < 20 * HOUR ? clockShort.format(at) : dayAndClock.format(at);
}
