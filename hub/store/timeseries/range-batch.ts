/**
 * Short ranges that are asked for in the same turn of the event loop are read by one query. That is how the figures
 * of many machines follow their newest samples: measured, sixteen tags take 16 times 1.9 ms of CPU time one by one,
 * and 2.3 ms together, in DuckDB.
 */
import { SameTurn } from './same-turn.ts';
import type { StoredSample } from './time-series.ts';

/** A range that is longer is worth a query of its own. */
const SHORT_MS = 60_000;

/** Samples of several tags with from <= at < to, by tag and time. */
type ReadRanges = (tags: number[], from: number, to: number) => Promise<Map<number, StoredSample[]>>;

interface Ask {
  tag: number;
  from: number;
  to: number;
  resolve(samples: StoredSample[]): void;
  reject(error: unknown): void;
}

export class RangeBatch {
  readonly #read: ReadRanges;
  /** Asks of about the same time, by minute: reading them together must not read hours between them. */
  readonly #asks = new SameTurn<number, Ask>((_minute, asks) => this.#answer(asks));

  constructor(read: ReadRanges) {
    this.#read = read;
  }

  static takes(from: number, to: number): boolean {
    return to - from <= SHORT_MS;
  }

  /** Samples of a tag with from <= at < to, as TimeSeriesStore.range gives them. */
  range(tag: number, from: number, to: number): Promise<StoredSample[]> {
    return new Promise((resolve, reject) => {
      this.#asks.ask(Math.floor(to / SHORT_MS), { tag, from, to, resolve, reject });
    });
  }

  async #answer(asks: Ask[]): Promise<void> {
    const from = Math.min(...asks.map((ask) => ask.from));
    const to = Math.max(...asks.map((ask) => ask.to));
    const tags = [...new Set(asks.map(({ tag }) => tag))];
    try {
      const found = await this.#read(tags, from, to);
      for (const ask of asks) {
        const samples = found.get(ask.tag) ?? [];
        ask.resolve(samples.filter(({ at }) => at >= ask.from && at < ask.to));
      }
    } catch (error) {
      for (const ask of asks) ask.reject(error);
    }
  }
}
