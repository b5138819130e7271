/**
 * How old something on the disk is, on a machine whose clock may be wrong at first (no battery: it starts in 1970)
 * and right later. Data must not look old because the clock was set: then it is as old as the setting.
 */

/** A wall clock that differs this much from the time that has passed was set. Milliseconds. */
const STEP_MS = 60_000;
/** A time before this was written by a clock that had not been set. */
const PLAUSIBLE = Date.UTC(2024);

export class AgeClock {
  readonly #now: () => number;
  readonly #monotonic: () => number;
  #offset: number;
  /** What was written before is taken as written now, when the clock was set. */
  #floor: number;
  readonly #startedAt: number;

  /** @param monotonic milliseconds that never jump */
  constructor(now: () => number, monotonic: () => number = () => performance.now()) {
    this.#now = now;
    this.#monotonic = monotonic;
    this.#startedAt = now();
    this.#offset = this.#startedAt - monotonic();
    this.#floor = Number.NEGATIVE_INFINITY;
  }

  /** Milliseconds since `at`, a time of the wall clock; never more than has surely passed. */
  ageOf(at: number): number {
    const now = this.#now();
    const offset = now - this.#monotonic();
    if (Math.abs(offset - this.#offset) > STEP_MS) this.#floor = now;
    this.#offset = offset;
    const written = at < PLAUSIBLE ? this.#startedAt : at;
    return Math.max(0, now - Math.max(written, this.#floor));
  }
}
