/**
 * Samples of a range: from memory where they are of the newest hours and no other hub writes, else from the server.
 * Measured, 20 minutes of a tag at 1 Hz are 2.9 ms of the server's CPU time (1.6.7; 2.7.12: 3.3) and 1.1 ms of ours
 * to read its JSON, against 0.02 ms.
 */
import { MAX_RANGE, rangeLimit } from '../query-bounds.ts';
import { RangeBatch } from '../range-batch.ts';
import { RecentSamples } from '../recent-samples.ts';
import type { StoredSample } from '../time-series.ts';
import type { InfluxHttp } from './influx-http.ts';
import { sampleBefore, sampleRanges } from './queries.ts';

/** Tags whose newest hours are read by one query: each answer is JSON that is taken apart in one go. */
const TAGS_A_LOAD = 10;

export interface SampleReaderOptions {
  /** Asks the server. */
  read<T>(query: (http: InfluxHttp) => Promise<T>): Promise<T>;
  /** Whether nothing is stored without `recent` being told. */
  alone: boolean;
  now(): number;
}

export class SampleReader {
  readonly #read: SampleReaderOptions['read'];
  /** To be told of each append and deletion; undefined where other hubs write as well. */
  readonly recent: RecentSamples | undefined;
  readonly #short = new RangeBatch((tags, from, to) => this.#ask(tags, from, to, MAX_RANGE));

  constructor({ read, alone, now }: SampleReaderOptions) {
    this.#read = read;
    if (!alone) return;
    this.recent = new RecentSamples({
      read: (tags, from, limit, begins) =>
        read(async (http) => {
          begins();
          const found = await sampleRanges(http, tags, from, Number.MAX_SAFE_INTEGER, limit);
          // Times that the server cannot hold stand together at its last one, as they came.
          for (const samples of found.values()) samples.sort((a, b) => a.at - b.at);
          return found;
        }),
      tagsAtOnce: TAGS_A_LOAD,
      now,
    });
  }

  /** As TimeSeriesStore.range. */
  async range(
    tag: number,
    from: number,
    to: number,
    { before = false, limit }: { before?: boolean; limit?: number },
  ): Promise<StoredSample[]> {
    const most = rangeLimit(limit);
    if (most === 0) return [];
    if (!before) return this.#range(tag, from, to, most);
    const [held, samples] = await Promise.all([
      this.recent?.before(tag, from) ?? this.#read((http) => sampleBefore(http, tag, from)),
      this.#range(tag, from, to, most),
    ]);
    if (held) samples.unshift(held);
    return samples.slice(0, most);
  }

  /** As TimeSeriesStore.ranges. */
  async ranges(tags: number[], from: number, to: number, limit: number): Promise<Map<number, StoredSample[]>> {
    const most = rangeLimit(limit);
    // To InfluxQL a limit of 0 is none.
    if (most === 0) return new Map();
    const { recent } = this;
    // Of many tags at once only what is here: whoever exports a plant would drive out what others look at.
    const here = tags.filter((tag) => tags.length === 1 || recent?.covers(tag, from, to));
    const found = await this.#ask(
      tags.filter((tag) => !here.includes(tag)),
      ...([from, to, most] as const),
    );
    for (const tag of here) {
      const samples = await this.#range(tag, from, to, most);
      if (samples.length > 0) found.set(tag, samples);
    }
    return found;
  }

  async #range(tag: number, from: number, to: number, limit: number): Promise<StoredSample[]> {
    const { recent } = this;
    const short = RangeBatch.takes(from, to);
    const here = recent && (!short || recent.covers(tag, from, to)) ? await recent.range(tag, from, to) : null;
    if (here) return here.slice(0, limit);
    if (short) return (await this.#short.range(tag, from, to)).slice(0, limit);
    return (await this.#ask([tag], from, to, limit)).get(tag) ?? [];
  }

  #ask(tags: number[], from: number, to: number, limit: number): Promise<Map<number, StoredSample[]>> {
    return this.#read((http) => sampleRanges(http, tags, from, to, limit));
  }
}
