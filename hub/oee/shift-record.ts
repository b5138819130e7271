/**
 * What has been read of one machine in one shift. Each look reads only what is new; when something arrives that is
 * older than what was read (a second gateway epoch, a late repeat), the record is thrown away and read anew.
 */
import type { StoredSample, TimeSeriesStore } from '../store/timeseries/time-series.ts';
import { CounterTotal } from './counter.ts';
import type { ShiftWindow } from './shift-window.ts';

/** Hub tag ids; undefined where the machine has no such signal or it has never been seen. */
export interface ShiftTags {
  state: number | undefined;
  link: number | undefined;
  total: number | undefined;
  reject: number | undefined;
}

type Signal = keyof ShiftTags;
const SIGNALS: Signal[] = ['state', 'link', 'total', 'reject'];

export class ShiftRecord {
  readonly shift: ShiftWindow;
  readonly tags: ShiftTags;
  readonly #store: TimeSeriesStore;
  /** By signal: where the next look begins. */
  readonly #next: Partial<Record<Signal, number>> = {};
  readonly states: StoredSample[] = [];
  readonly links: StoredSample[] = [];
  readonly total = new CounterTotal();
  readonly reject = new CounterTotal();

  constructor(store: TimeSeriesStore, shift: ShiftWindow, tags: ShiftTags) {
    this.#store = store;
    this.shift = shift;
    this.tags = tags;
  }

  /** Whether it is about this shift and these tags. */
  fits(shift: ShiftWindow, tags: ShiftTags): boolean {
    return this.shift.from === shift.from && SIGNALS.every((signal) => this.tags[signal] === tags[signal]);
  }

  /** Whether a sample of this tag and time would belong before what has been read already. */
  isLate(tag: number, at: number): boolean {
    const signal = SIGNALS.find((candidate) => this.tags[candidate] === tag);
    const next = signal && this.#next[signal];
    return next !== undefined && at < next && at >= this.shift.from;
  }

  async read(now: number): Promise<void> {
    const to = Math.min(now, this.shift.to);
    for (const signal of SIGNALS) {
      const tag = this.tags[signal];
      if (tag === undefined) continue;
      const first = this.#next[signal] === undefined;
      const from = this.#next[signal] ?? this.shift.from;
      const samples = await this.#store.range(tag, from, to, { before: first });
      if (samples.length > 0) this.#next[signal] = Math.max(from, samples.at(-1)!.at + 1);
      else this.#next[signal] = from;
      this.#keep(signal, samples);
    }
  }

  #keep(signal: Signal, samples: StoredSample[]): void {
    if (signal === 'state') this.states.push(...samples);
    else if (signal === 'link') this.links.push(...samples);
    else this[signal].add(samples);
  }
}
