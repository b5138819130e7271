import { isBad, isGood } from '@lineside/shared/contracts/quality.ts';

/** What is shown where nothing can be known: never 0, never 100. */
export const UNKNOWN = '—';

const formats = new Map<number, Intl.NumberFormat>();

/** A number with exactly so many decimals, grouped as the reader is used to. */
export function formatNumber(value: number, decimals = 0): string {
  const places = Math.min(10, Math.max(0, Math.trunc(decimals)));
  let format = formats.get(places);
  if (!format) {
    format = new Intl.NumberFormat(undefined, { minimumFractionDigits: places, maximumFractionDigits: places });
    formats.set(places, format);
  }
  // −0.0 after rounding reads like a fault of the sensor.
  const shown = format.format(value);
  return Number(value.toFixed(places)) === 0 ? format.format(0) : shown;
}

/** A tag's value without its unit; a dash when there is none. */
export function formatValue(value: number | boolean | string | null | undefined, decimals: number): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (typeof value === 'boolean') return value ? 'On' : 'Off';
  if (typeof value === 'string') return value === '' ? UNKNOWN : value;
  return Number.isFinite(value) ? formatNumber(value, decimals) : UNKNOWN;
}

/** UCUM codes as an operator writes them; anything else stays as it is. */
const UNIT_SIGNS: Record<string, string> = {
  Cel: '°C',
  degC: '°C',
  degF: '°F',
  '[degF]': '°F',
  '1/min': '1/min',
  um: 'µm',
  m3: 'm³',
  'm3/h': 'm³/h',
  'mm/s2': 'mm/s²',
};

/** A unit in the sign that an operator knows. */
export function formatUnit(unit: string): string {
  return UNIT_SIGNS[unit] ?? unit;
}

/**
 * A ratio as a percentage with one decimal. What is short of 1 is never rounded up to 100, and what is above 0
 * never down to 0: both ends mean something exact to whoever reads them.
 *
 * @param ratio 0 to 1, or null when it cannot be known
 */
export function formatPercent(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return UNKNOWN;
  let percent = ratio * 100;
  if (ratio < 1 && percent > 99.9) percent = 99.9;
  if (ratio > 0 && percent < 0.1) percent = 0.1;
  return formatNumber(percent, 1);
}

/** How far a value may be believed. */
export type Trust = 'good' | 'uncertain' | 'bad';

/** Reads the two severity bits of an OPC UA StatusCode (OPC 10000-4, 7.39.1). */
export function trustOf(quality: number): Trust {
  return isGood(quality) ? 'good' : isBad(quality) ? 'bad' : 'uncertain';
}
