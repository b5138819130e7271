/**
 * What is known of one machine in one shift. It is read from the store once; what is stored after that is told, so that
 * following the newest samples reads nothing. Where other hubs store as well, only what is new is read. When something
 * is stored that belongs before what is known (a backlog, a second gateway epoch), the record is stale and a new one is
 * read.
 */
import { MAX_RANGE } from '../store/timeseries/query-bounds.ts';
import type { StoredSample, TimeSeriesStore } from '../store/timeseries/time-series.ts';
import type { ShiftWindow } from './shift-window.ts';
import { SignalRecord } from './signal-record.ts';

/** Hub tag ids; undefined where the machine has no such signal or it has never been seen. */
export interface ShiftTags {
  state: number | undefined;
  link: number | undefined;
  total: number | undefined;
  reject: number | undefined;
}

const SIGNALS = ['state', 'link', 'total', 'reject'] as const;

export class ShiftRecord {
  readonly shift: ShiftWindow;
  readonly tags: ShiftTags;
  readonly #store: TimeSeriesStore;
  readonly #toldOfAll: boolean;
  readonly #signals = {
    state: new SignalRecord(true),
    link: new SignalRecord(false),
    total: new SignalRecord(true),
    reject: new SignalRecord(true),
  };
  #reading: Promise<void> = Promise.resolve();
  #stale = false;

  /** @param toldOfAll whether nothing is stored without `stored` being called */
  constructor(store: TimeSeriesStore, shift: ShiftWindow, tags: ShiftTags, toldOfAll: boolean) {
    this.#store = store;
    this.#toldOfAll = toldOfAll;
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
  stored(tag: number, sample: StoredSample): void {
    // Of a later shift.
    if (sample.at >= this.shift.to) return;
    for (const signal of SIGNALS) {
      if (this.tags[signal] === tag && !this.#signals[signal].tell(sample)) this.#stale = true;
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
    if (record.follow(to)) return;
    const from = record.next ?? this.shift.from;
    if (from > to) return;
    record.listen();
    // What is told from now on must join what is there already, also of times that are yet to come.
    const until = this.#toldOfAll ? this.shift.to : to;
    const found = await this.#store.range(tag, from, until, { before: record.next === undefined });
    const goesOn = this.#toldOfAll && found.length < MAX_RANGE;
    if (!record.keep(found, from, to, goesOn)) this.#stale = true;
  }
}
