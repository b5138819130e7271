/** A clock whose time passes only when somebody has it pass: from one timer to the next, as fast as wished. */
import type { Clock, Timer } from '../clock.ts';

interface Waiting {
  at: number;
  /** Timers of one moment end in the order in which they were set. */
  order: number;
  run(): void;
}

export class VirtualClock implements Clock {
  #time: number;
  #order = 0;
  readonly #waiting = new Set<Waiting>();

  /** @param time monotonic, milliseconds */
  constructor(time: number) {
    this.#time = time;
  }

  monotonic(): number {
    return this.#time;
  }

  setTimeout(run: () => void, ms: number): Timer {
    const timer: Waiting = { at: this.#time + Math.max(0, ms), order: this.#order++, run };
    this.#waiting.add(timer);
    return timer;
  }

  clearTimeout(timer: Timer): void {
    this.#waiting.delete(timer as Waiting);
  }

  /** When the next timer ends; null when there is none. */
  get next(): number | null {
    return this.#first()?.at ?? null;
  }

  /** Ends the next timer. */
  step(): void {
    const first = this.#first();
    if (!first) return;
    this.#waiting.delete(first);
    this.#time = Math.max(this.#time, first.at);
    first.run();
  }

  // A device has a handful of timers: looking at all of them is as quick as keeping them sorted.
  #first(): Waiting | null {
    let first: Waiting | null = null;
    for (const one of this.#waiting) {
      if (!first || one.at < first.at || (one.at === first.at && one.order < first.order)) first = one;
    }
    return first;
  }
}
