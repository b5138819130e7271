/**
 * What the hub's clock shows, by its answers, so that a command's end holds although the two clocks differ. An answer
 * can only be late, never early: of several, the one that gives the latest time was on its way for the least time.
 */

/** An estimate is given up after at most twice this, so that a hub whose clock was set back is believed again. */
const WINDOW_MS = 30_000;

export class HubClock {
  /** Hub's time less the monotonic time here, of this window and of the one before. Milliseconds. */
  #offset = Number.NEGATIVE_INFINITY;
  #before = Number.NEGATIVE_INFINITY;
  #windowEnd = Number.NEGATIVE_INFINITY;

  /**
   * @param hubAt when the hub said something, by its clock, milliseconds since 1970 UTC
   * @param now when it arrived here, monotonic, milliseconds
   */
  heard(hubAt: number, now: number): void {
    if (now >= this.#windowEnd) {
      this.#before = this.#offset;
      this.#offset = Number.NEGATIVE_INFINITY;
      this.#windowEnd = now + WINDOW_MS;
    }
    this.#offset = Math.max(this.#offset, hubAt - now);
  }

  /** The monotonic time here at which the hub's clock shows `hubAt`; long past while nothing was heard of it. */
  monotonicAt(hubAt: number): number {
    const offset = Math.max(this.#offset, this.#before);
    return offset === Number.NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : hubAt - offset;
  }

  /** The next answer comes by another connection, perhaps from another hub. */
  reset(): void {
    this.#offset = this.#before = this.#windowEnd = Number.NEGATIVE_INFINITY;
  }
}
