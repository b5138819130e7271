/** Days as the API writes them: 2026-11-22. */

/** The reader's day of a moment. @param at milliseconds since 1970 UTC */
export function dayOf(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** So many days later, or earlier. */
export function dayAfter(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** When a day begins, in the reader's zone. @returns milliseconds since 1970 UTC; NaN of what is no day */
export function startOf(day: string): number {
  return new Date(`${day}T00:00:00`).getTime();
}
