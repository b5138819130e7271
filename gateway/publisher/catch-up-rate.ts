/** How fast a backlog may be sent, so that it leaves room on the line for what is measured now. */
export class CatchUpRate {
  readonly #bytesPerMs: number;
  /** When the next byte may go, on a monotonic clock, milliseconds. */
  #freeAt = 0;

  /** @param kibPerSecond 0: as fast as the hub takes it */
  constructor(kibPerSecond: number) {
    this.#bytesPerMs = (kibPerSecond * 1024) / 1_000;
  }

  /** How long to wait before the next record, milliseconds. */
  waitMs(now: number): number {
    return Math.max(0, this.#freeAt - now);
  }

  sent(bytes: number, now: number): void {
    if (this.#bytesPerMs > 0) this.#freeAt = Math.max(this.#freeAt, now) + bytes / this.#bytesPerMs;
  }
}
