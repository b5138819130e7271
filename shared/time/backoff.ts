/** Waiting times between attempts: doubling, bounded, with jitter so that a plant's gateways do not knock together. */
export class Backoff {
  /** Bound of the first waiting time, and of all, milliseconds; may be changed between attempts. */
  firstMs: number;
  maxMs: number;
  #attempt = 0;

  constructor(firstMs: number, maxMs: number) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
  }

  /** How long to wait before the next attempt, milliseconds: between half of the bound and the bound. */
  next(): number {
    const bound = Math.min(this.maxMs, this.firstMs * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 30);
    return Math.round(bound * (0.5 + Math.random() / 2));
  }

  /** Things are well again. */
  reset(): void {
    this.#attempt = 0;
  }
}
