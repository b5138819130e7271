/**
 * Reads of everything from a time on, one query at a time: tags that are asked for from about the same time while one runs are
 * read together by the next. A file is read through once for fifty trends that somebody opens at once, and not fifty times.
 */
import type { StoredSample } from './time-series.ts';

/** Asks whose times lie in the same stretch are read together. Milliseconds. */
const STRETCH_MS = 60_000;
const MOST_TAGS = 50;

/** Samples of several tags with from <= at, by time; calls `begins` right before the store is asked. */
type ReadFrom = (tags: number[], from: number, begins: () => void) => Promise<Map<number, StoredSample[]>>;

interface Ask {
  tag: number;
  from: number;
  begins(): void;
  resolve(samples: StoredSample[]): void;
  reject(error: unknown): void;
}

export class LoadBatch {
  readonly #read: ReadFrom;
  readonly #mostTags: number;
  #waiting: Ask[] = [];
  #running = false;

  constructor(read: ReadFrom, mostTags = MOST_TAGS) {
    this.#read = read;
    this.#mostTags = mostTags;
  }

  /** Samples of a tag with from <= at, and maybe some that are a minute older. A tag may be asked for again when it has been answered. */
  load(tag: number, from: number, begins: () => void): Promise<StoredSample[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ tag, from, begins, resolve, reject });
      if (this.#running) return;
      this.#running = true;
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const stretch = Math.floor(this.#waiting[0]!.from / STRETCH_MS);
      const asks = this.#waiting
        .filter(({ from }) => Math.floor(from / STRETCH_MS) === stretch)
        .slice(0, this.#mostTags);
      const taken = new Set(asks);
      this.#waiting = this.#waiting.filter((ask) => !taken.has(ask));
      const tags = [...new Set(asks.map(({ tag }) => tag))];
      try {
        const found = await this.#read(tags, Math.min(...asks.map(({ from }) => from)), () => {
          for (const { begins } of asks) begins();
        });
        for (const { tag, resolve } of asks) resolve(found.get(tag) ?? []);
      } catch (error) {
        for (const { reject } of asks) reject(error);
      }
    }
    this.#running = false;
  }
}
