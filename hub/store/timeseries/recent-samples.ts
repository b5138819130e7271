/**
 * The newest hours of the tags that somebody looks at, in memory: a trend that moves on with the clock, or that ten
 * people look at, is read from the file once. Kept as it is stored: each commit adds to it, whatever comes late finds its
 * place, and what is not known for sure is read again. Only for a store that nobody else writes to.
 */
import { LoadBatch } from './load-batch.ts';
import type { SampleColumns, StoredSample } from './time-series.ts';

/** A range that begins earlier is not kept. Milliseconds. */
const SPAN_MS = 3 * 3_600_000;
/** One that ends earlier is no picture of the present, and not kept either. */
const PRESENT_MS = 5 * 60_000;
/** What nobody has asked for in so long goes. */
const IDLE_MS = 60_000;
/** A tag with more samples than this from its beginning is not kept. */
const MOST_OF_A_TAG = 20_000;
/** All tags together: about 25 MB. */
const MOST_SAMPLES = 300_000;

export interface RecentSamplesOptions {
  /**
   * Samples of tags with from <= at, by time and then as they came, at most `limit` of each.
   *
   * @param begins to be called right before the store is asked: what is committed earlier is in the answer
   */
  read(tags: number[], from: number, limit: number, begins: () => void): Promise<Map<number, StoredSample[]>>;
  now(): number;
  /** Tags of one `read`, at most. */
  tagsAtOnce?: number;
  /** For tests. */
  mostSamples?: number;
}

interface Kept {
  tag: number;
  from: number;
  /** Complete for from <= at < to, and whatever is committed changes it; behind that it may lack something. */
  to: number;
  samples: StoredSample[];
  loading: Promise<void> | null;
  /** Whether the store is being asked, and the oldest time behind `to` that it may or may not have seen. */
  reading: boolean;
  unsure: number;
  askedAt: number;
}

type Records = readonly { samples: SampleColumns }[];

export class RecentSamples {
  readonly #options: RecentSamplesOptions;
  readonly #mostSamples: number;
  readonly #loads: LoadBatch;
  /** Whoever was asked for longest ago stands first. */
  readonly #kept = new Map<number, Kept>();
  /** Tags that had too many, and until when they are not tried again. */
  readonly #tooMany = new Map<number, number>();
  /** Being committed just now. */
  #running: Records = [];
  #samples = 0;

  constructor(options: RecentSamplesOptions) {
    this.#options = options;
    const { read, tagsAtOnce } = options;
    this.#loads = new LoadBatch((tags, from, begins) => read(tags, from, MOST_OF_A_TAG + 1, begins), tagsAtOnce);
    this.#mostSamples = options.mostSamples ?? MOST_SAMPLES;
  }

  /** Samples that are kept. */
  get size(): number {
    return this.#samples;
  }

  /** Whether all of a range is here. */
  covers(tag: number, from: number, to: number): boolean {
    const kept = this.#kept.get(tag);
    return kept !== undefined && from >= kept.from && to <= kept.to;
  }

  /** Samples with from <= at < to, by time and then as they came; null when the store has to be asked for them. */
  async range(tag: number, from: number, to: number): Promise<StoredSample[] | null> {
    const kept = this.#keptFor(tag, from, to);
    if (!kept) return null;
    // What somebody else has begun to read may lack what has been committed since.
    while (kept.to < to) {
      const joined = kept.loading !== null;
      kept.loading ??= this.#load(kept).finally(() => (kept.loading = null));
      await kept.loading;
      if (this.#kept.get(tag) !== kept && joined) return null;
      if (!joined) break;
    }
    if (this.#tooMany.has(tag) || from < kept.from) return null;
    return kept.samples.slice(firstFrom(kept.samples, from), firstFrom(kept.samples, to));
  }

  /** The newest sample of a tag with at < before; undefined when the store has to be asked for it. */
  before(tag: number, before: number): StoredSample | undefined {
    const kept = this.#kept.get(tag);
    return kept && before <= kept.to ? kept.samples[firstFrom(kept.samples, before) - 1] : undefined;
  }

  /** These are about to be committed. One call of `appended` or `clear` follows. */
  appending(records: Records): void {
    this.#running = records;
    for (const kept of this.#kept.values()) if (kept.reading) this.#doubt(kept);
  }

  /** They are. */
  appended(): void {
    const records = this.#running;
    this.#running = [];
    if (this.#kept.size === 0) return;
    for (const { samples } of records) {
      for (let i = 0; i < samples.tags.length; i++) {
        const kept = this.#kept.get(samples.tags[i]!);
        if (!kept || samples.at[i]! < kept.from || samples.at[i]! >= kept.to) continue;
        insert(kept.samples, { at: samples.at[i]!, value: samples.values.at(i), quality: samples.quality[i]! });
        this.#samples++;
        if (kept.samples.length > MOST_OF_A_TAG) this.#shorten(kept);
      }
    }
    this.#bound();
  }

  /** Samples of these tags, or of any, have been deleted or are not what they were. An append may be under way. */
  drop(tags: Iterable<number> = [...this.#kept.keys()]): void {
    for (const tag of tags) this.#forget(this.#kept.get(tag));
  }

  /** Nothing is known for sure any more, nor what became of an append. */
  clear(): void {
    this.#running = [];
    for (const kept of [...this.#kept.values()]) this.#forget(kept);
  }

  #keptFor(tag: number, from: number, to: number): Kept | undefined {
    const now = this.#options.now();
    this.#sweep(now);
    let kept = this.#kept.get(tag);
    if (!kept || from < kept.from) {
      if (from < now - SPAN_MS || to < now - PRESENT_MS || to <= from || this.#tooMany.has(tag)) return undefined;
      this.#forget(kept);
      kept = { tag, from, to: from, samples: [], loading: null, reading: false, unsure: 0, askedAt: now };
    }
    kept.askedAt = now;
    this.#kept.delete(tag);
    this.#kept.set(tag, kept);
    return kept;
  }

  async #load(kept: Kept): Promise<void> {
    const { tag, to: from, samples } = kept;
    let found: StoredSample[];
    try {
      found = await this.#loads.load(tag, from, () => {
        kept.reading = true;
        kept.unsure = Number.POSITIVE_INFINITY;
        this.#doubt(kept);
      });
    } finally {
      kept.reading = false;
    }
    const known = this.#kept.get(tag) === kept;
    const fresh = firstFrom(found, from);
    if (found.length > MOST_OF_A_TAG || firstFrom(samples, from) + found.length - fresh > MOST_OF_A_TAG) {
      this.#forget(kept);
      this.#tooMany.set(tag, this.#options.now() + IDLE_MS);
      return;
    }
    // Late ones may have found their place before `from` meanwhile.
    const before = samples.length;
    samples.length = firstFrom(samples, from);
    for (let i = fresh; i < found.length; i++) samples.push(found[i]!);
    kept.to = kept.unsure;
    if (!known) return;
    this.#samples += samples.length - before;
    this.#bound();
  }

  /** What is being committed may or may not be in what is being read. */
  #doubt(kept: Kept): void {
    for (const { samples } of this.#running) {
      for (let i = 0; i < samples.tags.length; i++) {
        if (samples.tags[i] === kept.tag && samples.at[i]! >= kept.to)
          kept.unsure = Math.min(kept.unsure, samples.at[i]!);
      }
    }
  }

  /** The older half goes. */
  #shorten(kept: Kept): void {
    const middle = kept.samples[kept.samples.length >> 1]!.at;
    if (middle <= kept.from) {
      this.#forget(kept);
      return;
    }
    const gone = firstFrom(kept.samples, middle);
    kept.samples.splice(0, gone);
    kept.from = middle;
    this.#samples -= gone;
  }

  #bound(): void {
    for (const kept of this.#kept.values()) {
      if (this.#samples <= this.#mostSamples) return;
      this.#forget(kept);
    }
  }

  #sweep(now: number): void {
    for (const kept of this.#kept.values()) {
      if (now - kept.askedAt <= IDLE_MS) break;
      this.#forget(kept);
    }
    for (const [tag, until] of this.#tooMany) {
      if (now <= until) break;
      this.#tooMany.delete(tag);
    }
  }

  #forget(kept: Kept | undefined): void {
    if (!kept || !this.#kept.delete(kept.tag)) return;
    this.#samples -= kept.samples.length;
  }
}

/** Index of the first sample that is not older than a time. */
function firstFrom(samples: readonly StoredSample[], at: number): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (samples[middle]!.at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Behind all of its time: it is the one that came last. */
function insert(samples: StoredSample[], sample: StoredSample): void {
  const last = samples.at(-1);
  if (!last || last.at <= sample.at) samples.push(sample);
  else samples.splice(firstFrom(samples, sample.at + 1), 0, sample);
}
