/**
 * Long ranges with what was true before them, as the figures of a shift begin with: those that are asked for in the same
 * turn of the event loop are read together. The table has no index, so each question reads through all tags' samples of
 * its time; one for each signal of 200 machines would be hours of a plant read 600 times at each start.
 */
import { MAX_RANGE } from '../query-bounds.ts';
import { SameTurn } from '../same-turn.ts';
import type { StoredSample } from '../time-series.ts';

const MOST_TAGS = 50;

export interface LongReads {
  /** Of each tag the newest sample before a time. */
  before(tags: number[], at: number): Promise<Map<number, StoredSample>>;
  /** How many samples each tag has with from <= at < to. */
  count(tags: number[], from: number, to: number): Promise<Map<number, number>>;
  /** Samples with from <= at < to, by tag and time. */
  read(tags: number[], from: number, to: number): Promise<Map<number, StoredSample[]>>;
}

interface Ask {
  tag: number;
  to: number;
  resolve(samples: StoredSample[]): void;
  reject(error: unknown): void;
}

export class LongRangeBatch {
  readonly #reads: LongReads;
  /** By where the range begins. */
  readonly #asks = new SameTurn<number, Ask>((from, asks) => this.#answer(from, asks));

  constructor(reads: LongReads) {
    this.#reads = reads;
  }

  /** The newest sample of a tag before `from`, when there is one, and those with from <= at < to; a million at most. */
  range(tag: number, from: number, to: number): Promise<StoredSample[]> {
    return new Promise((resolve, reject) => this.#asks.ask(from, { tag, to, resolve, reject }));
  }

  async #answer(from: number, waiting: Ask[]): Promise<void> {
    const asks = Map.groupBy(waiting, ({ tag }) => tag);
    const tags = [...asks.keys()];
    const to = Math.max(...waiting.map((ask) => ask.to));
    try {
      for (let i = 0; i < tags.length; i += MOST_TAGS) {
        await this.#tell(tags.slice(i, i + MOST_TAGS), from, to, (tag, samples) => {
          for (const ask of asks.get(tag)!) ask.resolve(samples.filter(({ at }) => at < ask.to));
        });
      }
    } catch (error) {
      // Those that have been answered are not changed by it.
      for (const { reject } of waiting) reject(error);
    }
  }

  async #tell(tags: number[], from: number, to: number, tell: (tag: number, samples: StoredSample[]) => void) {
    const before = await this.#reads.before(tags, from);
    const counts = await this.#reads.count(tags, from, to);
    for (const some of packed(tags, counts)) {
      const found = await this.#reads.read(some, from, to);
      for (const tag of some) {
        const first = before.get(tag);
        const samples = found.get(tag) ?? [];
        tell(tag, first ? [first, ...samples.slice(0, MAX_RANGE - 1)] : samples);
      }
    }
  }
}

/** Together at most a million samples, which are some 100 MB until whoever asked has looked at them. */
function* packed(tags: readonly number[], counts: ReadonlyMap<number, number>): Generator<number[]> {
  let some: number[] = [];
  let samples = 0;
  for (const tag of tags) {
    const count = counts.get(tag) ?? 0;
    if (some.length > 0 && samples + count > MAX_RANGE) {
      yield some;
      some = [];
      samples = 0;
    }
    some.push(tag);
    samples += count;
  }
  if (some.length > 0) yield some;
}
