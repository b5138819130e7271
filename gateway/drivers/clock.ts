/** Time as drivers measure and await it, so that a recording can be replayed faster than it was made. */

/** A timer that runs; to be given back to `clearTimeout`. */
export type Timer = object;

export interface Clock {
  /** Milliseconds since any moment; never set back. */
  monotonic(): number;
  setTimeout(run: () => void, ms: number): Timer;
  clearTimeout(timer: Timer): void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
