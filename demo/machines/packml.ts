/** PackML states by the numbers of OMAC PackTags 3.0, and the way that a machine of the plant goes through them. */

export const packml = {
  stopped: 2,
  starting: 3,
  idle: 4,
  suspended: 5,
  execute: 6,
  stopping: 7,
  held: 11,
  resetting: 15,
} as const;

const NAMES: Record<number, string> = {
  2: 'Stopped',
  3: 'Starting',
  4: 'Idle',
  5: 'Suspended',
  6: 'Execute',
  7: 'Stopping',
  11: 'Held',
  15: 'Resetting',
};

export function stateName(state: number): string {
  return NAMES[state] ?? `State ${state}`;
}

/** How long the acting states last, in seconds. */
const DWELL = { stopping: 2, resetting: 1, idle: 1, starting: 2 };

/** What is asked of the machine in one step. */
export interface Demand {
  /** An operator's stop, for as long as it is true. */
  stop: boolean;
  /** False lets the machine wait in Idle. */
  enabled: boolean;
}

/** The state of one machine. Held is a cause inside the machine (a jam), Suspended one outside (no material). */
export class StateSequence {
  state: number = packml.starting;
  #remaining: number = DWELL.starting;

  step(seconds: number, demand: Demand): void {
    this.#remaining -= seconds;
    if (demand.stop && this.state !== packml.stopped && this.state !== packml.stopping) {
      this.#enter(packml.stopping, DWELL.stopping);
      return;
    }
    const done = this.#remaining <= 0;
    switch (this.state) {
      case packml.stopping:
        if (done) this.#enter(packml.stopped, 0);
        break;
      case packml.stopped:
        if (!demand.stop) this.#enter(packml.resetting, DWELL.resetting);
        break;
      case packml.resetting:
        if (done) this.#enter(packml.idle, DWELL.idle);
        break;
      case packml.idle:
        if (done && demand.enabled) this.#enter(packml.starting, DWELL.starting);
        break;
      case packml.execute:
        if (!demand.enabled) this.#enter(packml.idle, 0);
        break;
      default:
        if (done) this.#enter(packml.execute, 0);
    }
  }

  /** A jam for some seconds; only a producing machine can jam. */
  hold(seconds: number): void {
    if (this.state === packml.execute) this.#enter(packml.held, seconds);
  }

  /** No material, or nowhere to put it, for some seconds. */
  suspend(seconds: number): void {
    if (this.state === packml.execute) this.#enter(packml.suspended, seconds);
  }

  #enter(state: number, seconds: number): void {
    this.state = state;
    this.#remaining = seconds;
  }
}
