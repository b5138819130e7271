/** How far the broker is known to have what was sent: so far the cursor of the history moves. */
import type { History, Place } from './history-flush.ts';

export class Proof {
  readonly #history: History;
  readonly #overlapMs: number;
  /** Oldest first; by performance.now(). */
  #places: { at: number; place: Place }[] = [];

  /** @param overlapMs the cursor stays so far behind */
  constructor(history: History, overlapMs: number) {
    this.#history = history;
    this.#overlapMs = overlapMs;
  }

  /** Another connection: what has not come due does not any more. */
  reset(): void {
    this.#places = [];
  }

  /** The broker has everything up to this place. */
  add(place: Place): void {
    const now = performance.now();
    this.#places.push({ at: now, place });
    const due = this.#places.filter(({ at }) => at <= now - this.#overlapMs);
    this.#places.splice(0, due.length);
    const newest = due.at(-1)?.place;
    // Numbers of a buffer that was born anew since then say nothing.
    if (newest?.epoch === this.#history.epoch) this.#history.advance(newest.seq);
  }
}
