/**
 * The gateway's time. Machines without a battery start in 1970, and time servers set clocks forward and back; what is
 * measured meanwhile keeps its order all the same, and each step is told so that it can be written down.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@lineside/shared/log/logger.ts';

/** No gateway ran before this; a clock that says less was never set. Milliseconds since 1970 UTC. */
const FIRST_PLAUSIBLE = Date.UTC(2026, 0, 1);

/** Where the system's clock and the monotonic one part by more than this between two looks, it was set. */
const STEP_MS = 1_000;

export interface WallClockOptions {
  log: Logger;
  /** The newest time that is known from an earlier run, milliseconds since 1970 UTC; 0 when there is none. */
  knownUntil: number;
  /** The system's clocks; others in tests. Milliseconds. */
  system?(): number;
  monotonic?(): number;
}

export class WallClock {
  readonly #log: Logger;
  readonly #system: () => number;
  readonly #monotonic: () => number;
  /** Reading of both clocks at the last look. */
  #anchor: { system: number; monotonic: number };
  /** Added to the system's clock while that was never set. */
  #offset = 0;
  #last = 0;
  #steps = 0;
  /** Called after each step, with its size in milliseconds; before it returns, nobody has the new time. */
  onStep: (stepMs: number, at: number) => void = () => undefined;

  constructor({ log, knownUntil, system = Date.now, monotonic = () => performance.now() }: WallClockOptions) {
    this.#log = log;
    this.#system = system;
    this.#monotonic = monotonic;
    const now = system();
    this.#anchor = { system: now, monotonic: monotonic() };
    if (now >= FIRST_PLAUSIBLE) return;
    this.#offset = Math.max(FIRST_PLAUSIBLE, knownUntil) - now;
    log.warn(
      { system: new Date(now).toISOString(), until: new Date(now + this.#offset).toISOString() },
      'this machine’s clock was never set; going on from the newest time that is known. Set it, by NTP',
    );
  }

  /** How often the clock was set while the gateway ran. */
  get steps(): number {
    return this.#steps;
  }

  /** The system's clock was never set: times are only known to come after what was measured before. */
  get guessed(): boolean {
    return this.#offset !== 0;
  }

  /** Milliseconds since 1970 UTC. Goes back only by a step of a second or more; less is waited out. */
  readonly now = (): number => {
    const system = this.#system();
    const monotonic = this.#monotonic();
    const expected = this.#anchor.system + monotonic - this.#anchor.monotonic;
    const stepped = Math.abs(system - expected) >= STEP_MS;
    // Anchored anew each second: the slow ways in which a clock is corrected are no steps.
    if (stepped || monotonic - this.#anchor.monotonic >= STEP_MS) this.#anchor = { system, monotonic };
    if (stepped) this.#stepped(system, expected + this.#offset);
    this.#last = Math.max(this.#last, system + this.#offset);
    return this.#last;
  };

  #stepped(system: number, expected: number): void {
    if (system < FIRST_PLAUSIBLE) {
      this.#offset = Math.max(FIRST_PLAUSIBLE, expected) - system;
      this.#log.warn({ system: new Date(system).toISOString() }, 'the clock was lost; going on without it');
      return;
    }
    this.#offset = 0;
    const stepMs = Math.round(system - expected);
    if (Math.abs(stepMs) < STEP_MS) return;
    this.#last = system;
    this.#steps++;
    this.#log.warn({ stepMs }, 'this machine’s clock was set; times before and after do not follow each other');
    this.onStep(stepMs, system);
  }
}

/** When something was last written in a folder, milliseconds since 1970 UTC; 0 when nothing is there. */
export function newestFileTime(dir: string): number {
  try {
    return Math.max(0, ...readdirSync(dir).map((name) => statSync(join(dir, name)).mtimeMs));
  } catch {
    return 0;
  }
}
