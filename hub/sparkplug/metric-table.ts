/** The metrics of one device of an edge node, as its last birth has named them, and what is known of each. */
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import {
  BD_SEQ,
  dataTypeName,
  type Int64,
  type Metric,
  type Payload,
  REBIRTH,
} from '@lineside/shared/wire/sparkplug/payload.ts';
import type { ForeignSample } from '../foreign/foreign-source.ts';
import { readValue, sameSample, textOf, typeOf } from './metric-value.ts';

/** The newest of a tag that the hub knows. */
export interface LastSample {
  at: number;
  value: Value;
  quality: number;
}

interface Known {
  name: string;
  datatype: number;
  /** Undefined for what is passed over. */
  type: ValueType | undefined;
  unit: string;
  description: string;
  last: LastSample | undefined;
}

/** What a data message says. */
export interface ReadData {
  live: ForeignSample[];
  historical: ForeignSample[];
  /** Metrics that no birth has named; then the births are to be asked for. */
  unknown: string[];
}

const MAX_NAME = 200;
const MAX_UNIT = 32;
const MAX_DESCRIPTION = 200;
/** A node's clock may be wrong; a value of next week would hide all that comes until then. Milliseconds. */
const MAX_AHEAD_MS = 24 * 3_600_000;
/** Names in a text for people. */
const NAMED = 3;

export class MetricTable {
  readonly #before: (tag: string) => LastSample | undefined;
  #byName = new Map<string, Known>();
  #byAlias = new Map<Int64, Known>();
  readonly #passed = new Map<string, string>();

  /** @param before what is known of a tag from before this run of the hub */
  constructor(before: (tag: string) => LastSample | undefined) {
    this.#before = before;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** How many metrics become tags. */
  get tags(): number {
    let count = 0;
    for (const { type } of this.#byName.values()) if (type) count++;
    return count;
  }

  /** What the device has and the hub does not take, for people; empty when it takes all. */
  get passedOver(): string {
    if (this.#passed.size === 0) return '';
    const named = [...this.#passed].slice(0, NAMED).map(([name, why]) => `${name} (${why})`);
    const more = this.#passed.size - named.length;
    return `not taken: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }

  /**
   * Takes the place of the birth before. A birth says what is so now, whenever it became so: what is known already is
   * left out, and what is older than that (the device was away, or its clock was set) counts from now.
   */
  birth({ metrics, timestamp }: Payload, now: number): ForeignSample[] {
    const old = this.#byName;
    this.#byName = new Map();
    this.#byAlias = new Map();
    this.#passed.clear();
    const samples: ForeignSample[] = [];
    for (const metric of metrics) {
      const { name } = metric;
      if (name === undefined || name === BD_SEQ || name === REBIRTH) continue;
      const known = this.#define(metric, name, old.get(name));
      if (!known.type || metric.isHistorical) continue;
      const read = this.#read(metric, known);
      if (!read || sameSample(read, known.last)) continue;
      const told = timeOf(metric, timestamp, now);
      const at = known.last && told <= known.last.at ? Math.max(now, known.last.at) : told;
      samples.push(this.#say(known, { ...read, at }));
    }
    for (const [name, known] of old) if (!this.#byName.has(name)) samples.push(...this.#staleOf(known, now));
    return samples;
  }

  data({ metrics, timestamp }: Payload, now: number): ReadData {
    const result: ReadData = { live: [], historical: [], unknown: [] };
    for (const metric of metrics) {
      const { name, alias } = metric;
      if (name === BD_SEQ || name === REBIRTH) continue;
      const known = alias === undefined ? undefined : this.#byAlias.get(alias);
      const meant = known ?? (name === undefined ? undefined : this.#byName.get(name));
      if (!meant) {
        result.unknown.push(name ?? `alias ${alias ?? 'none'}`);
        continue;
      }
      const read = meant.type && this.#read(metric, meant);
      if (!read) continue;
      const sample = { ...read, at: timeOf(metric, timestamp, now) };
      if (metric.isHistorical) result.historical.push(sampleOf(meant, sample));
      else result.live.push(this.#say(meant, sample));
    }
    return result;
  }

  /** Nobody knows any longer what is so: the last word on each metric. */
  stale(now: number): ForeignSample[] {
    return [...this.#byName.values()].flatMap((known) => this.#staleOf(known, now));
  }

  #staleOf(known: Known, now: number): ForeignSample[] {
    if (!known.type || known.last?.quality === Quality.BadNoCommunication) return [];
    const at = Math.max(now, known.last?.at ?? 0);
    return [this.#say(known, { at, value: null, quality: Quality.BadNoCommunication })];
  }

  #define(metric: Metric, name: string, before: Known | undefined): Known {
    const { datatype = 0, alias, properties } = metric;
    const known: Known = {
      ...{ name, datatype, type: typeOf(datatype) },
      unit: textOf(properties, 'engunit', MAX_UNIT),
      description: textOf(properties, 'documentation', MAX_DESCRIPTION),
      last: before?.last ?? this.#before(name),
    };
    if (!known.type) this.#pass(name, datatype === 0 ? 'no data type' : dataTypeName(datatype));
    else if (name === '' || name.length > MAX_NAME) {
      known.type = undefined;
      this.#pass(name.slice(0, 40), `its name has ${name.length} characters`);
    } else if (name.startsWith('$')) {
      known.type = undefined;
      this.#pass(name, 'only names of Lineside’s own begin with $');
    }
    this.#byName.set(name, known);
    if (alias !== undefined) this.#byAlias.set(alias, known);
    return known;
  }

  #read(metric: Metric, known: Known): { value: Value; quality: number } | undefined {
    try {
      return readValue(metric, known.datatype);
    } catch (error) {
      this.#pass(known.name, messageOf(error));
      return undefined;
    }
  }

  #pass(name: string, why: string): void {
    if (this.#passed.size < 1_000) this.#passed.set(name, why);
  }

  #say(known: Known, sample: LastSample): ForeignSample {
    // A message that was late says nothing of now.
    if (!known.last || sample.at >= known.last.at) known.last = sample;
    return sampleOf(known, sample);
  }
}

function sampleOf({ name, type, unit, description }: Known, { at, value, quality }: LastSample): ForeignSample {
  return { tag: name, type: type!, unit, description, at, value, quality };
}

function timeOf({ timestamp }: Metric, sent: number | undefined, now: number): number {
  const at = timestamp ?? sent ?? now;
  return at > now + MAX_AHEAD_MS ? now : at;
}
