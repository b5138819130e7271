/** Growing pauses between attempts, with jitter so that devices that failed together do not return together. */
export class Backoff {
  minMs: number;
  maxMs: number;
  #failures = 0;

  constructor(minMs: number, maxMs: number) {
    this.minMs = minMs;
    this.maxMs = maxMs;
  }

  /** The pause before the next attempt, milliseconds: doubles each time, ±20 %, never above `maxMs`. */
  next(): number {
    const pause = this.minMs * 2 ** Math.min(this.#failures++, 20);
    return Math.round(Math.min(this.maxMs, pause * (0.8 + 0.4 * Math.random())));
  }

  /** After a success. */
  reset(): void {
    this.#failures = 0;
  }
}
