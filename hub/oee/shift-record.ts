/**
 * What has been read of one machine in one shift. Each look reads only what is new; when something is stored that
 * belongs before what was read (a backlog, a second gateway epoch), the record is stale and a new one is read.
 */
import type { StoredSample, TimeSeriesStore } from '../store/timeseries/time-series.ts';
import type { ShiftWindow } from './shift-window.ts';

/** Hub tag ids; undefined where the machine has no such signal or it has never been seen. */
export interface ShiftTags {
  state: number | undefined;
  link: number | undefined;
  total: number | undefined;
  reject: number | undefined;
}

const SIGNALS = ['state', 'link', 'total', 'reject'] as const;

class SignalRecord {
  readonly samples: StoredSample[] = [];
  /** Whether of equal samples in a row only the first and the last are worth keeping: not for heartbeats. */
  readonly #thins: boolean;
  /** Where the next look begins; undefined before the first. */
  next: number | undefined;
  /** Oldest source time that was stored while a look was under way, which may have missed it. */
  arrived = Number.POSITIVE_INFINITY;

  /** Time of the sample that tells what was true when the shift began: older ones change nothing. */
  #before = Number.NEGATIVE_INFINITY;

  constructor(thins: boolean) {
    this.#thins = thins;
  }

  /** Whether a sample of this time belongs before, or among, what has been read. */
  isLate(at: number): boolean {
    return this.next !== undefined && at < this.next && at >= this.#before;
  }

  keep(samples: StoredSample[], from: number): void {
    const [first] = samples;
    if (this.next === undefined && first && first.at < from) this.#before = first.at;
    for (const sample of samples) this.#add(sample);
    this.next = Math.max(from, (samples.at(-1)?.at ?? 0) + 1);
  }

  #add(sample: StoredSample): void {
    const { samples } = this;
    if (this.#thins && same(samples.at(-1), sample) && same(samples.at(-2), sample))
      samples[samples.length - 1] = sample;
    else samples.push(sample);
  }
}

function same(a: StoredSample | undefined, b: StoredSample): boolean {
  return a !== undefined && Object.is(a.value, b.value) && a.quality === b.quality;
}

export class ShiftRecord {
  readonly shift: ShiftWindow;
  readonly tags: ShiftTags;
  readonly #store: TimeSeriesStore;
  readonly #signals = {
    state: new SignalRecord(true),
    link: new SignalRecord(false),
    total: new SignalRecord(true),
    reject: new SignalRecord(true),
  };
  #reading: Promise<void> = Promise.resolve();
  #stale = false;

  constructor(store: TimeSeriesStore, shift: ShiftWindow, tags: ShiftTags) {
    this.#store = store;
    this.shift = shift;
    this.tags = tags;
  }

  get states(): StoredSample[] {
    return this.#signals.state.samples;
  }

  get links(): StoredSample[] {
    return this.#signals.link.samples;
  }

  get totals(): StoredSample[] {
    return this.#signals.total.samples;
  }

  get rejects(): StoredSample[] {
    return this.#signals.reject.samples;
  }

  /** Whether it is about this shift and these tags, and has missed nothing. */
  fits(shift: ShiftWindow, tags: ShiftTags): boolean {
    return (
      !this.#stale && this.shift.from === shift.from && SIGNALS.every((signal) => this.tags[signal] === tags[signal])
    );
  }

  /** A sample of one of its tags is in the store. */
  stored(tag: number, at: number): void {
    for (const signal of SIGNALS) {
      if (this.tags[signal] !== tag) continue;
      const record = this.#signals[signal];
      if (record.isLate(at)) this.#stale = true;
      record.arrived = Math.min(record.arrived, at);
    }
  }

  /** Reads on to `now`. Looks follow one another: two at once would keep the same samples twice. */
  read(now: number): Promise<void> {
    const reading = this.#reading.then(() => this.#read(Math.min(now, this.shift.to)));
    this.#reading = reading.catch(() => {
      this.#stale = true;
    });
    return reading;
  }

  async #read(to: number): Promise<void> {
    // All at once: a store may answer together what is asked for together.
    await Promise.all(SIGNALS.map((signal) => this.#readSignal(signal, to)));
  }

  async #readSignal(signal: (typeof SIGNALS)[number], to: number): Promise<void> {
    const tag = this.tags[signal];
    if (tag === undefined) return;
    const record = this.#signals[signal];
    const from = record.next ?? this.shift.from;
    if (from > to) return;
    record.arrived = Number.POSITIVE_INFINITY;
    const found = await this.#store.range(tag, from, to, { before: record.next === undefined });
    // What was stored meanwhile may be among them or not: from there on the next look reads, and nothing before is read again.
    record.keep(
      found.filter(({ at }) => at < record.arrived),
      from,
    );
    if (record.isLate(record.arrived)) this.#stale = true;
  }
}
