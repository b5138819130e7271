/**
 * Samples out of JSON as programs of all kinds publish it: a bare value; an object with a value and a time; an object
 * whose members are values; or a list of such objects.
 */
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { ForeignSample } from './foreign-source.ts';

export interface JsonFields {
  /** Member that holds the value, and that which holds the time. */
  value: string;
  time: string;
}

/** Of one message. */
export const MAX_BYTES = 1024 * 1024;
const MAX_ENTRIES = 10_000;
const MAX_DEPTH = 6;
const MAX_NAME = 200;

const QUALITIES: Record<string, number> = {
  good: Quality.Good,
  uncertain: Quality.Uncertain,
  bad: Quality.Bad,
};

/**
 * @param tag what the topic says; empty when it names none
 * @param now for what comes without a time, milliseconds since 1970 UTC
 * @throws LinesideError JSON_UNUSABLE saying what does not fit; then nothing of the message is taken
 */
export function jsonSamples(payload: Buffer, tag: string, fields: JsonFields, now: number): ForeignSample[] {
  if (payload.length > MAX_BYTES) throw unusable(`it has ${payload.length} bytes; ${MAX_BYTES} is the limit`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload.toString('utf8'));
  } catch {
    throw unusable('it is not JSON');
  }
  const entries = Array.isArray(parsed) ? (parsed as unknown[]) : [parsed];
  if (entries.length > MAX_ENTRIES) throw unusable(`it has ${entries.length} entries; ${MAX_ENTRIES} is the limit`);
  const samples = entries.flatMap((entry) => samplesOf(entry, tag, fields, now));
  if (samples.length === 0) throw unusable('there is no value in it');
  if (samples.length > MAX_ENTRIES) throw unusable(`it has ${samples.length} values; ${MAX_ENTRIES} is the limit`);
  return samples;
}

function samplesOf(entry: unknown, tag: string, fields: JsonFields, now: number): ForeignSample[] {
  if (!isObject(entry)) return [sample(tag || 'value', entry, now, Quality.Good)];
  const at = timeOf(entry[fields.time], now);
  const quality = qualityOf(entry.quality);
  if (fields.value in entry) {
    const one = sample(tag || 'value', entry[fields.value], at, quality);
    return [typeof entry.unit === 'string' ? { ...one, unit: entry.unit.slice(0, 32) } : one];
  }
  const members: ForeignSample[] = [];
  const walk = (object: Record<string, unknown>, path: string, depth: number) => {
    if (depth > MAX_DEPTH) throw unusable(`it is nested deeper than ${MAX_DEPTH} levels`);
    for (const [name, value] of Object.entries(object)) {
      if (depth === 0 && (name === fields.time || name === 'quality')) continue;
      const full = path === '' ? name : `${path}.${name}`;
      if (isObject(value)) walk(value, full, depth + 1);
      else members.push(sample(full, value, at, quality));
    }
  };
  walk(entry, tag, 0);
  return members;
}

function sample(tag: string, value: unknown, at: number, quality: number): ForeignSample {
  if (tag.length > MAX_NAME) throw unusable(`the name "${tag.slice(0, 40)}…" is longer than ${MAX_NAME} characters`);
  if (tag.startsWith('$')) throw unusable(`"${tag}" begins with $, as only names of Lineside's own do`);
  if (value === null)
    return { tag, type: 'float64', at, value, quality: quality === 0 ? Quality.BadNoData : quality };
  const type = TYPES[typeof value];
  if (!type) throw unusable(`"${tag}" is ${Array.isArray(value) ? 'a list' : 'no number, text or boolean'}`);
  return { tag, type, at, value: value as Value, quality };
}

const TYPES: Partial<Record<string, ValueType>> = { number: 'float64', boolean: 'boolean', string: 'string' };

/** Milliseconds since 1970, or a text by ISO 8601 with its zone. */
function timeOf(given: unknown, now: number): number {
  if (given === undefined) return now;
  const at = typeof given === 'string' && /(Z|[+-]\d\d:?\d\d)$/.test(given) ? Date.parse(given) : given;
  if (typeof at !== 'number' || !Number.isFinite(at) || Math.abs(at) > 8.64e15) {
    throw unusable('its time is neither milliseconds since 1970 nor a text such as 2026-11-22T10:00:00Z');
  }
  // Seconds would put everything into January 1970.
  if (Math.abs(at) < 1e11) throw unusable(`its time is ${at}: is it in seconds? Milliseconds since 1970 are needed`);
  return Math.round(at);
}

function qualityOf(given: unknown): number {
  if (given === undefined) return Quality.Good;
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= 0xffff_ffff) return given;
  const known = typeof given === 'string' ? QUALITIES[given.toLowerCase()] : undefined;
  if (known === undefined) throw unusable('its quality is none of good, uncertain, bad, or an OPC UA status code');
  return known;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(what: string): LinesideError {
  return new LinesideError('JSON_UNUSABLE', 'peer', what);
}
