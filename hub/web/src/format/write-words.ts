/** What is said of setting a value, and how what somebody types becomes one. */
import type { TagView, WriteState, WriteView } from '@lineside/shared/contracts/api.ts';
import { formatNumber, formatUnit, formatValue, UNKNOWN } from './value.ts';

type Limits = NonNullable<TagView['write']>;

/** A value with its unit; a dash when it is not known. */
export function valueWords(value: WriteView['old'], decimals: number, unit: string): string {
  const shown = formatValue(value, decimals);
  return shown === UNKNOWN || unit === '' || typeof value !== 'number' ? shown : `${shown} ${formatUnit(unit)}`;
}

/**
 * As many decimals as a number has, at most six: what somebody has typed is shown as it was typed. What a device made
 * of it in 32 bits (45.2 is 45.20000076 there) does not count. What is no number has none.
 */
export function decimalsOf(value: WriteView['old']): number {
  if (typeof value !== 'number') return 0;
  const meant = Number(value.toPrecision(Math.fround(value) === value ? 7 : 12));
  for (let places = 0; places < 6; places++) if (Number(meant.toFixed(places)) === meant) return places;
  return 6;
}

/** What may be entered, such as `0 to 60 1/min`; empty when there is nothing to say. */
export function limitWords({ min, max, names }: Limits, unit: string): string {
  if (names.length > 0) return names.join(', ');
  if (min === null || max === null) return '';
  const [least, most] = [min, max].map((limit) => formatNumber(limit, decimalsOf(limit)));
  return `${least} to ${most} ${formatUnit(unit)}`.trim();
}

/**
 * What somebody has typed as the value of a tag.
 *
 * @returns words for the reader when it is none
 */
export function parseEntry(tag: TagView, text: string): { value: number | boolean | string } | { problem: string } {
  const { min = null, max = null } = tag.write ?? {};
  if (tag.type === 'string') return { value: text };
  if (tag.type === 'boolean') return { value: text === 'true' };
  // A comma is a decimal sign here: nobody types thousands into a setpoint.
  const typed = text.trim().replace(',', '.');
  const value = Number(typed);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(typed) || !Number.isFinite(value)) {
    return { problem: 'Enter a number.' };
  }
  if (min !== null && value < min) return { problem: `At least ${formatNumber(min, decimalsOf(min))}.` };
  if (max !== null && value > max) return { problem: `At most ${formatNumber(max, decimalsOf(max))}.` };
  return { value };
}

const STATES: Record<WriteState, string> = {
  waiting: 'On its way',
  written: 'Written',
  failed: 'Not written',
  unknown: 'Not known',
};

export function writeStateWords(state: WriteState): string {
  return STATES[state];
}

const WAYS: Record<string, string> = { mqtt: 'by MQTT at the gateway', sparkplug: 'by Sparkplug' };

/** Who it was, and by which way when not here. */
export function writerWords({ by, via }: Pick<WriteView, 'by' | 'via'>): string {
  const way = WAYS[via];
  return way ? `${by || 'Somebody'} ${way}` : by;
}
