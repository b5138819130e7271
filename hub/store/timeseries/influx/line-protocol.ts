/**
 * A sample as a point, and back. One series a tag; a field for each kind of value, so that a tag whose type changes
 * never makes the server refuse a batch:
 *
 * - `r` in every point: which record it came in (see places.ts);
 * - `n` float: what may be calculated with, a Good finite number, or a Good boolean as 0 or 1;
 * - `u` float: a finite number or boolean whose quality is not Good;
 * - `b` boolean: it is a boolean; `s` string: a text; `x` integer: 1 NaN, 2 +Infinity, 3 -Infinity, which no float may be;
 * - `q` integer: the quality, where it is not 0 or nothing else would stand there;
 * - `at` integer: the true time in ms, where the point had to stand elsewhere.
 */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { StoredSample } from '../time-series.ts';

/** InfluxDB's times are 64-bit nanoseconds: 1677 to 2262, here to the millisecond and with room for its places. */
export const FIRST_MS = -9_223_372_036_854;
export const LAST_MS = 9_223_372_036_853;
export const NS_A_MS = 1_000_000;

/** Fields of a SELECT that `sampleOf` reads, after the time. */
export const SAMPLE_FIELDS = 'n, u, b, s, x, q, at';

/** Longer texts have been refused by some versions; in characters, each of which may take three bytes. */
const MAX_TEXT = 300_000;

const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Nanoseconds of a place within a millisecond, as text: a number would lose the last digits. */
export function nanoseconds(ms: number, offset: number): string {
  if (ms <= 0) return String(BigInt(ms) * BigInt(NS_A_MS) + BigInt(offset));
  return offset === 0 ? `${ms}000000` : `${ms}${String(offset).padStart(6, '0')}`;
}

/** The millisecond at which a sample of this time is kept. */
export function storableMs(at: number): number {
  return Math.min(LAST_MS, Math.max(FIRST_MS, at));
}

/**
 * @param record what `r` says
 * @param ms with `offset`: where the point stands
 * @param at the sample's own time
 */
export function pointLine(
  tag: number,
  record: number,
  ms: number,
  offset: number,
  { at, value, quality }: StoredSample,
): string {
  let fields = '';
  const good = isGood(quality);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) fields = good ? `,n=${value}` : `,u=${value}`;
    else fields = `,x=${SPECIAL.findIndex((special) => Object.is(special, value)) + 1}i`;
  } else if (typeof value === 'boolean') {
    fields = `,${good ? 'n' : 'u'}=${value ? 1 : 0},b=${value ? 't' : 'f'}`;
  } else if (typeof value === 'string') fields = `,s=${quoted(value)}`;
  if (quality !== 0 || value === null) fields += `,q=${quality}i`;
  if (at !== ms) fields += `,at=${at}i`;
  return `samples,tag=${tag} r=${record}i${fields} ${nanoseconds(ms, offset)}`;
}

/** Whether a sample comes back as less than it was. */
export function isShortened({ value }: StoredSample): boolean {
  return typeof value === 'string' && value.length > MAX_TEXT;
}

/** A row of SAMPLE_FIELDS, its time in milliseconds first. */
export function sampleOf(row: unknown[]): StoredSample {
  const [time, n, u, b, s, x, q, at] = row;
  const quality = (q as number | null) ?? 0;
  let value: Value = null;
  if (typeof b === 'boolean') value = b;
  else if (typeof n === 'number') value = n;
  else if (typeof s === 'string') value = s;
  else if (typeof u === 'number') value = u;
  else if (typeof x === 'number') value = SPECIAL[x - 1] ?? null;
  return { at: (at as number | null) ?? (time as number), value, quality };
}

/** Any text as a tag's value that needs no escape, in line protocol and in InfluxQL. */
export function tagValue(text: string): string {
  return encodeURIComponent(text).replace(/['()]/g, (found) => `%${found.charCodeAt(0).toString(16)}`);
}

function quoted(text: string): string {
  const kept = text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
  return `"${kept.replace(/["\\]/g, '\\$&')}"`;
}
