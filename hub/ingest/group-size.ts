/** How many samples are committed together: as many as others may wait for. */

/** What comes meanwhile waits so long. Milliseconds. */
const COMMIT_MS = 250;
/**
 * Below, what a commit costs besides its samples is most of it: on a busy machine groups would get smaller, the hub slower
 * by it, and what waits longer.
 */
const MIN_SAMPLES = 40_000;
/** So many before it is known how fast commits are. */
const FIRST_SAMPLES = 250_000;
const MAX_SAMPLES = 500_000;

export class GroupSize {
  #samples = FIRST_SAMPLES;

  get samples(): number {
    return this.#samples;
  }

  /** A group has been committed. @param tookMs how long that was, milliseconds */
  committed(samples: number, tookMs: number): void {
    // A small one tells what a commit costs, and not its samples.
    if (samples < this.#samples / 2) return;
    const suited = (samples / Math.max(1, tookMs)) * COMMIT_MS;
    this.#samples = Math.min(MAX_SAMPLES, Math.max(MIN_SAMPLES, (this.#samples + suited) / 2));
  }
}
