/** Counts how well a device is collected from. Cheap: two numbers kept a poll, and reckoned only when asked. */
import type { DeviceHealth } from '@lineside/shared/contracts/link.ts';

/** The newest polls count, so that a figure says how it is and not how it was last month. */
const POLLS = 128;

export class HealthMeter {
  /** Rings of the newest polls: how long each took, and how late each began. Milliseconds. */
  readonly #took = new Float64Array(POLLS);
  readonly #late = new Float64Array(POLLS);
  readonly #errors = new Map<string, number>();
  #cycles = 0;
  #begun = 0;
  #totalMs = 0;

  /** All errors together. */
  get errors(): number {
    let sum = 0;
    for (const count of this.#errors.values()) sum += count;
    return sum;
  }

  /** A poll begins, so long after its time. Milliseconds. */
  began(lateMs: number): void {
    this.#late[this.#begun++ % POLLS] = Math.max(0, lateMs);
  }

  /** A poll has ended, so long after its first request. Milliseconds. */
  ended(tookMs: number): void {
    this.#took[this.#cycles++ % POLLS] = tookMs;
    this.#totalMs += tookMs;
  }

  /** @param kind one of few words, such as `timeout` */
  error(kind: string): void {
    this.#errors.set(kind, (this.#errors.get(kind) ?? 0) + 1);
  }

  read(breaker?: DeviceHealth['breaker']): DeviceHealth {
    const took = this.#took.subarray(0, Math.min(this.#cycles, POLLS));
    const late = this.#late.subarray(0, Math.min(this.#begun, POLLS));
    const last = this.#took[(this.#cycles - 1) % POLLS];
    return {
      cycles: this.#cycles,
      cyclesTotalMs: rounded(this.#totalMs),
      cycleMs: last === undefined ? null : { last: rounded(last), mean: mean(took), max: rounded(Math.max(...took)) },
      jitterMs: late.length === 0 ? null : mean(late),
      errorsByKind: Object.fromEntries(this.#errors),
      ...(breaker ? { breaker } : {}),
    };
  }
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return rounded(sum / values.length);
}

/** To whole microseconds: what is finer is noise, and it is sent every few seconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
