/**
 * Time series in an InfluxDB 1.x, 2.x or 3.x.
 *
 * Samples are written first, then the watermark of their records. A crash in between, of this hub or of the server, is
 * healed by the gateway's repeat, whose points get the places that they had (places.ts). The server acknowledges what
 * its write-ahead log has on disk.
 */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { untilThere } from '../../until-there.ts';
import { checkSamples } from '../check-samples.ts';
import { lateHoursAround, lateHoursOf } from '../late-hours.ts';
import type { Summary } from '../summary.ts';
import type { LastSample, RecordId, SampleColumns, StoredSample, TagCount, TimeSeriesStore } from '../time-series.ts';
import type { InfluxConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { InfluxHttp } from './influx-http.ts';
import { MAX_IN_DOUBT, Places } from './places.ts';
import {
  countPerTag,
  countSamples,
  deleteBefore,
  deleteRange,
  lastSamples,
  oldestFrom,
  summaryRanges,
} from './queries.ts';
import { dropRollups, InfluxRollups, lateLines } from './rollups.ts';
import { SampleReader } from './sample-reader.ts';
import { Watermarks } from './watermarks.ts';

const MAX_WAITING = 1_000;
/** Lines of one request; the server is busy with each for some 30 ms. */
const LINES_A_REQUEST = 5_000;
/** Requests of one append that are under way together. */
const REQUESTS_AT_ONCE = 2;
/** An append is written in parts of about so many samples, each with its watermark. */
const SAMPLES_A_PART = 50_000;

export interface InfluxStoreOptions {
  config: InfluxConfig;
  resolvePath(path: string): string;
  /** Ends the wait for a server that is not there. */
  stopping?: AbortSignal;
  log?: Logger;
  /** Whether no other process writes into this database: what has been read of the newest hours stays true. */
  alone?: boolean;
  now?(): number;
}

type Records = { id: RecordId; samples: SampleColumns }[];

export class InfluxStore implements TimeSeriesStore {
  readonly #options: InfluxStoreOptions;
  #http: InfluxHttp | undefined;
  #places!: Places;
  #watermarks!: Watermarks;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #fault = '';
  readonly #samples: SampleReader;

  readonly rollups = new InfluxRollups({
    read: (query) => this.#read(query),
    write: (lines) => this.#said(this.#writeAll(this.#wanted(), lines)),
    now: () => this.#now(),
  });

  constructor(options: InfluxStoreOptions) {
    this.#options = options;
    this.#samples = new SampleReader({
      read: (query) => this.#read(query),
      alone: options.alone ?? false,
      now: () => this.#now(),
    });
  }

  /** Why the store does not do its work now; empty while all is well. */
  get fault(): string {
    return this.#fault;
  }

  /** Waits for a server that is not there. Rejects when it is there and does not let the hub work, or with STOPPED. */
  async open(): Promise<void> {
    if (this.#http) return;
    const { config, resolvePath, stopping, log } = this.#options;
    const http = new InfluxHttp(config, resolvePath);
    try {
      const version = await untilThere(() => openDatabase(http), { server: 'InfluxDB', log, stopping });
      log?.info({ place: http.place, version }, 'InfluxDB is there');
    } catch (error) {
      http.close();
      throw error;
    }
    this.#places = new Places(http);
    this.#watermarks = new Watermarks(http, () => this.#now());
    this.#http = http;
  }

  async close(): Promise<void> {
    const http = this.#http;
    this.#http = undefined;
    this.#samples.recent?.clear();
    if (!http) return;
    await this.#tail;
    http.close();
  }

  /**
   * @throws LinesideError STORE_BAD_SAMPLES when nothing was stored; STORE_UNREACHABLE and others when it is not known
   *   what was. The call may be repeated in any case, and with other records beside these.
   */
  async append(records: Records, handedOver?: () => void): Promise<void> {
    const http = this.#wanted();
    for (const { samples } of records) checkSamples(samples);
    if (this.#waiting >= MAX_WAITING) {
      throw new LinesideError('STORE_BUSY', 'outside', `${MAX_WAITING} appends already wait for ${http.place}.`);
    }
    this.#waiting++;
    const run = this.#tail.then(() => this.#append(http, records, handedOver));
    this.#tail = run.catch(() => undefined);
    try {
      await run;
    } finally {
      this.#waiting--;
    }
  }

  async watermark(gateway: string, epoch: string): Promise<number> {
    this.#wanted();
    return this.#said(this.#watermarks.of(gateway, epoch));
  }

  forget(gateway: string): void {
    if (!this.#http) return;
    this.#places.forget(gateway);
    this.#watermarks.forget(gateway);
    this.#samples.recent?.drop();
  }

  async last(): Promise<LastSample[]> {
    return this.#read(lastSamples);
  }

  /** At most a million samples, whatever `limit` says. The sample before the range counts as one of them. */
  async range(
    tag: number,
    from: number,
    to: number,
    options: { before?: boolean; limit?: number } = {},
  ): Promise<StoredSample[]> {
    this.#wanted();
    return this.#samples.range(tag, from, to, options);
  }

  async ranges(tags: number[], from: number, to: number, limit: number): Promise<Map<number, StoredSample[]>> {
    this.#wanted();
    return this.#samples.ranges(tags, from, to, limit);
  }

  async summaries(
    tags: number[],
    from: number,
    to: number,
    stepMs: number,
    timeWeighted: boolean,
  ): Promise<Map<number, Summary[]>> {
    return this.#read((http) => summaryRanges(http, tags, from, to, stepMs, timeWeighted));
  }

  async firstAt(from: number): Promise<number | undefined> {
    return this.#read((http) => oldestFrom(http, from));
  }

  async delete(tags: number[], from: number, to: number): Promise<void> {
    if (tags.length === 0 || from >= to) return;
    // First the marks: a deletion that ends half-way leaves hours that are summarised anew.
    await this.#writeAll(this.#wanted(), lateLines(lateHoursAround(tags, from, to)));
    await this.#read(async (http) => {
      await deleteRange(http, tags, from, to);
      await dropRollups(http, tags, from, to);
    }).finally(() => this.#samples.recent?.drop(tags));
    await this.#writeAll(this.#wanted(), lateLines(lateHoursAround(tags, from, to)));
  }

  async expire(before: number): Promise<void> {
    await this.#read((http) => deleteBefore(http, before)).finally(() => this.#samples.recent?.drop());
  }

  async perTag(from: number, to: number): Promise<TagCount[]> {
    return this.#read((http) => countPerTag(http, from, to));
  }

  async count(tags?: number[]): Promise<number> {
    return this.#read((http) => countSamples(http, tags));
  }

  async #append(http: InfluxHttp, records: Records, handedOver?: () => void): Promise<void> {
    const gateways = new Set(records.map(({ id }) => id.gateway));
    const { recent } = this.#samples;
    try {
      // Nothing is prepared for a server that is not there.
      if (this.#fault !== '') await http.ping();
      await this.#watermarks.learn(gateways);
      const parts = [...partsOf(records, (id) => this.#watermarks.known(id))];
      for (const part of parts) {
        recent?.appending(part.records);
        const { lines, others } = await this.#places.lines(part.records);
        if (part === parts.at(-1)) handedOver?.();
        await this.#writeAll(http, lines);
        await this.#writeAll(http, lateLines(lateHoursOf(part.records, this.#now())));
        await this.#write(http, part.marks.map((id) => this.#watermarks.line(id)).join('\n'));
        for (const id of part.marks) this.#watermarks.moved(id);
        recent?.drop(others);
        recent?.appended();
      }
      this.#fault = '';
    } catch (error) {
      // What of it is stored, the server knows; it is asked when the records come again.
      for (const gateway of gateways) this.forget(gateway);
      recent?.clear();
      this.#fail(error);
      throw error;
    }
  }

  async #writeAll(http: InfluxHttp, lines: string[]): Promise<void> {
    let next = 0;
    const work = async () => {
      while (next < lines.length) {
        const from = next;
        next += LINES_A_REQUEST;
        await this.#write(http, lines.slice(from, next).join('\n'));
      }
    };
    const workers = Array.from({ length: REQUESTS_AT_ONCE }, work);
    // None may be under way any more when the caller hears of a failure.
    for (const result of await Promise.allSettled(workers)) if (result.status === 'rejected') throw result.reason;
  }

  async #write(http: InfluxHttp, lines: string): Promise<void> {
    if (lines === '') return;
    try {
      await http.write(lines);
    } catch (error) {
      // What is older than the database's own retention policy would be gone now, had it come in time. 1.x says
      // beyond, 2.x outside.
      if (!(error instanceof LinesideError && /points (beyond|outside) retention policy/.test(error.message)))
        throw error;
      this.#samples.recent?.drop();
      this.#options.log?.warn({ reason: error.message }, 'samples older than the retention policy of the database');
    }
  }

  async #read<T>(query: (http: InfluxHttp) => Promise<T>): Promise<T> {
    return this.#said(query(this.#wanted()));
  }

  /** Notes whether the server does its work. */
  async #said<T>(answer: Promise<T>): Promise<T> {
    try {
      const found = await answer;
      this.#fault = '';
      return found;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #fail(error: unknown): void {
    if (error instanceof LinesideError && error.blame !== 'peer') this.#fault = error.message;
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  #wanted(): InfluxHttp {
    if (!this.#http) throw new LinesideError('STORE_CLOSED', 'bug', 'The time-series store is not open.');
    return this.#http;
  }
}

/** What is new of the records, in parts, each with the watermarks that are true once it is written. */
function* partsOf(
  records: Records,
  known: (id: RecordId) => number,
): Generator<{ records: Records; marks: RecordId[] }> {
  const stored = new Map<string, number>();
  let part: Records = [];
  let marks = new Map<string, RecordId>();
  let samples = 0;
  for (const record of records) {
    const { id } = record;
    const key = `${id.gateway}/${id.epoch}`;
    if (id.seq <= (stored.get(key) ?? known(id))) continue;
    stored.set(key, id.seq);
    part.push(record);
    marks.set(key, id);
    samples += record.samples.tags.length;
    if (part.length < MAX_IN_DOUBT && samples < SAMPLES_A_PART) continue;
    yield { records: part, marks: [...marks.values()] };
    part = [];
    marks = new Map();
    samples = 0;
  }
  if (part.length > 0) yield { records: part, marks: [...marks.values()] };
}
