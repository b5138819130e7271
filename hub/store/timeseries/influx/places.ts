/**
 * Where samples stand. A point is known by its series and its time alone, and an equal one overwrites it: so samples of
 * one tag with the same millisecond need nanoseconds of their own, and a record that is written a second time, after a
 * crash or by another hub, has to get the same ones.
 *
 * The first sample of a millisecond stands at its beginning, the next ones a nanosecond later each, in the order in
 * which they were stored. Every point carries the number of its record. Where a tag may have points at a millisecond
 * already, they are looked up: those of the same record are its own from an attempt before, and are written again
 * where they are; behind all others there is room. Newer samples than all that are stored, nearly all, need no look.
 *
 * See docs/adr/0016-points-with-an-identity.md.
 */
import type { RecordId, SampleColumns } from '../time-series.ts';
import type { InfluxHttp, Series } from './influx-http.ts';
import { isShortened, NS_A_MS, pointLine, storableMs } from './line-protocol.ts';
import { chunksOf, tagIs, timeIn } from './queries.ts';

/**
 * So many records of one epoch may be written before their watermark is. That many, the first after this hub has begun
 * with an epoch, may have been written before.
 */
export const MAX_IN_DOUBT = 256;

/** Late samples that are farther from each other are looked for by two statements. Milliseconds. */
const CLUSTER_GAP_MS = 60_000;
const STATEMENTS_A_QUERY = 100;

/** Newest place of a tag. */
interface Newest {
  ms: number;
  offset: number;
  /** Who appended it, or was the first to ask. */
  gateway: string;
}

/** What stands at one millisecond of one tag. */
interface Millisecond {
  next: number;
  /** By record: the places that its samples got before, in order. */
  own: Map<number, number[]>;
}

interface Points {
  /** In line protocol. */
  lines: string[];
  /** Tags of which the server has not just these samples more: some were there, or are kept otherwise than they came. */
  others: number[];
}

type Records = readonly { id: RecordId; samples: SampleColumns }[];

export class Places {
  readonly #http: InfluxHttp;
  readonly #newest = new Map<number, Newest>();
  /** By epoch: records that may still have been written before. */
  readonly #doubt = new Map<string, number>();

  constructor(http: InfluxHttp) {
    this.#http = http;
  }

  /** Others may have written for this gateway, or a write of ours has an unknown end. */
  forget(gateway: string): void {
    for (const [tag, newest] of this.#newest) if (newest.gateway === gateway) this.#newest.delete(tag);
    for (const key of this.#doubt.keys()) if (key.startsWith(`${gateway}/`)) this.#doubt.delete(key);
  }

  /** The points of records, in order. At most MAX_IN_DOUBT records of one epoch. */
  async lines(records: Records): Promise<Points> {
    await this.#learnNewest(records);
    const tangled = this.#tangledTags(records);
    const stored = await this.#lookUp(tangled);
    const lines: string[] = [];
    const others = new Set<number>();
    for (const { id, samples } of records) {
      const record = recordNumber(id);
      const { tags, at, values, quality } = samples;
      for (let i = 0; i < tags.length; i++) {
        const tag = tags[i]!;
        const ms = storableMs(at[i]!);
        const known = tangled.has(tag) ? stored.get(tag)! : undefined;
        const own = known && ownPlace(known, ms, record);
        let place = { ms, offset: own ?? (known ? placeAmong(known, ms) : this.#placeBehind(tag, ms)) };
        if (place.offset >= NS_A_MS) place = this.#placeAtEnd(tag);
        const sample = { at: at[i]!, value: values.at(i), quality: quality[i]! };
        lines.push(pointLine(tag, record, place.ms, place.offset, sample));
        if (own !== undefined || isShortened(sample)) others.add(tag);
        this.#note(tag, place.ms, place.offset, id.gateway);
      }
      const key = keyOf(id);
      this.#doubt.set(key, Math.max(0, (this.#doubt.get(key) ?? MAX_IN_DOUBT) - 1));
    }
    return { lines, others: [...others] };
  }

  /** For a tag of which nothing is stored at this millisecond by others than this append. */
  #placeBehind(tag: number, ms: number): number {
    const newest = this.#newest.get(tag);
    return newest && newest.ms === ms ? newest.offset + 1 : 0;
  }

  /** A clock that has stood still for a million samples has filled its millisecond. */
  #placeAtEnd(tag: number): { ms: number; offset: number } {
    const { ms, offset } = this.#newest.get(tag)!;
    return offset + 1 < NS_A_MS ? { ms, offset: offset + 1 } : { ms: ms + 1, offset: 0 };
  }

  #note(tag: number, ms: number, offset: number, gateway: string): void {
    const newest = this.#newest.get(tag);
    if (!newest) this.#newest.set(tag, { ms, offset, gateway });
    else if (ms > newest.ms || (ms === newest.ms && offset > newest.offset)) {
      newest.ms = ms;
      newest.offset = offset;
    }
  }

  /** Reads the newest place of tags that are not known yet. */
  async #learnNewest(records: Records): Promise<void> {
    const unknown = new Map<number, string>();
    for (const { id, samples } of records) {
      for (const tag of samples.tags) if (!this.#newest.has(tag)) unknown.set(tag, id.gateway);
    }
    const tags = [...unknown.keys()];
    // Empty ones are as good as known: everything is newer.
    for (const tag of tags)
      this.#newest.set(tag, { ms: Number.NEGATIVE_INFINITY, offset: 0, gateway: unknown.get(tag)! });
    try {
      for (const some of chunksOf(tags)) {
        const q = `SELECT last(r) FROM samples WHERE ${tagIs(some)} GROUP BY "tag"`;
        await this.#http.queryExact(q, (_statement, series) => {
          const tag = Number(series.tags.tag);
          const [ms, offset] = placeOf(series.values[0]![0] as string);
          this.#newest.set(tag, { ms, offset, gateway: unknown.get(tag)! });
        });
      }
    } catch (error) {
      for (const tag of tags) this.#newest.delete(tag);
      throw error;
    }
  }

  /** The tags of which this append has a sample that is no news, with the milliseconds of those that may be stored. */
  #tangledTags(records: Records): Map<number, Set<number>> {
    const tangled = new Map<number, Set<number>>();
    const ahead = new Map<number, number>();
    for (const { id, samples } of records) {
      const { tags, at } = samples;
      const inDoubt = (this.#doubt.get(keyOf(id)) ?? MAX_IN_DOUBT) > 0;
      for (let i = 0; i < tags.length; i++) {
        const tag = tags[i]!;
        const ms = storableMs(at[i]!);
        const newest = this.#newest.get(tag)!.ms;
        const front = ahead.get(tag) ?? newest;
        if (ms > front) {
          ahead.set(tag, ms);
          continue;
        }
        // Behind what is stored, all is known: the next place is the one after it.
        if (ms === front && !(inDoubt && ms === newest) && !tangled.has(tag)) continue;
        let times = tangled.get(tag);
        if (!times) {
          times = new Set();
          tangled.set(tag, times);
        }
      }
    }
    if (tangled.size === 0) return tangled;
    for (const { samples } of records) {
      const { tags, at } = samples;
      for (let i = 0; i < tags.length; i++) {
        const times = tangled.get(tags[i]!);
        const ms = storableMs(at[i]!);
        if (times && ms <= this.#newest.get(tags[i]!)!.ms) times.add(ms);
      }
    }
    return tangled;
  }

  /** What stands at those milliseconds, and near them. */
  async #lookUp(tangled: Map<number, Set<number>>): Promise<Map<number, Map<number, Millisecond>>> {
    const stored = new Map<number, Map<number, Millisecond>>();
    const statements: string[] = [];
    for (const [tag, times] of tangled) {
      stored.set(tag, new Map());
      for (const [from, to] of clustersOf(times)) {
        statements.push(`SELECT r FROM samples WHERE ${tagIs([tag])} AND ${timeIn(from, to + 1)} GROUP BY "tag"`);
      }
    }
    for (let i = 0; i < statements.length; i += STATEMENTS_A_QUERY) {
      const q = statements.slice(i, i + STATEMENTS_A_QUERY).join('; ');
      await this.#http.queryExact(q, (_statement, series) => takePlaces(series, stored));
    }
    return stored;
  }
}

function takePlaces(series: Series, stored: Map<number, Map<number, Millisecond>>): void {
  const places = stored.get(Number(series.tags.tag))!;
  for (const [time, r] of series.values as [string, number][]) {
    const [ms, offset] = placeOf(time);
    let at = places.get(ms);
    if (!at) {
      at = { next: 0, own: new Map() };
      places.set(ms, at);
    }
    at.next = Math.max(at.next, offset + 1);
    const own = at.own.get(r);
    if (own) own.push(offset);
    else at.own.set(r, [offset]);
  }
}

/** The place that a record's next sample at this millisecond had before. */
function ownPlace(places: Map<number, Millisecond>, ms: number, record: number): number | undefined {
  return places.get(ms)?.own.get(record)?.shift();
}

/** The place behind all others of a millisecond. */
function placeAmong(places: Map<number, Millisecond>, ms: number): number {
  let at = places.get(ms);
  if (!at) {
    at = { next: 0, own: new Map() };
    places.set(ms, at);
  }
  return at.next++;
}

/** Times that are near each other, as the first and the last of each group. */
function clustersOf(times: Set<number>): [from: number, to: number][] {
  const clusters: [number, number][] = [];
  for (const ms of [...times].sort((a, b) => a - b)) {
    const last = clusters.at(-1);
    if (last && ms - last[1] <= CLUSTER_GAP_MS) last[1] = ms;
    else clusters.push([ms, ms]);
  }
  return clusters;
}

/** RFC 3339 with up to nine digits of a second, as milliseconds and nanoseconds within. */
function placeOf(time: string): [ms: number, offset: number] {
  const dot = time.indexOf('.');
  if (dot < 0) return [Date.parse(time), 0];
  const digits = time.slice(dot + 1, -1).padEnd(9, '0');
  const ms = Date.parse(`${time.slice(0, dot)}.${digits.slice(0, 3)}Z`);
  return [ms, Number(digits.slice(3))];
}

function keyOf({ gateway, epoch }: RecordId): string {
  return `${gateway}/${epoch}`;
}

/** A number for each record: its place in the epoch, and of which one, by 16 bits of a hash (FNV-1a) of its name. */
function recordNumber(id: RecordId): number {
  let hash = 0x811c_9dc5;
  for (const char of keyOf(id)) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x0100_0193);
  return ((hash >>> 16) ^ (hash & 0xffff)) * 2 ** 32 + (id.seq % 2 ** 32);
}
