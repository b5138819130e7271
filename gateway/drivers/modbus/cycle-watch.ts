/** Watches whether the polls of a device end within their period, and puts it into words when they do not. */

/** The same line is not logged again for so long. Milliseconds. */
const REPEAT_MS = 3_600_000;

/** A late poll weighs as much as so many in time: a period of which a fifth is late is not kept. */
const WEIGHT = 4;

/** Three late polls in a row make a period one that is not kept; twelve in time make it kept again. */
const LIMIT = 3 * WEIGHT;

interface Period {
  /** Weight of late polls, less those in time since; 0 to LIMIT. */
  late: number;
  kept: boolean;
  /** Of the newest late poll. */
  cycleMs: number;
  requests: number;
}

export class CycleWatch {
  readonly #periods = new Map<number, Period>();
  #saidAt = Number.NEGATIVE_INFINITY;
  #missedAtSaying = 0;

  /**
   * Takes the measure of one poll, from the first request until the last answer, the turns of others included.
   *
   * @param now monotonic time, milliseconds
   * @param missed polls that the device has missed since its start
   * @returns a line for the log, at most one an hour, else null
   */
  ended(periodMs: number, cycleMs: number, requests: number, now: number, missed: number): string | null {
    let period = this.#periods.get(periodMs);
    if (cycleMs <= periodMs) {
      if (period && period.late > 0 && --period.late === 0) period.kept = true;
      return null;
    }
    if (!period) {
      period = { late: 0, kept: true, cycleMs, requests };
      this.#periods.set(periodMs, period);
    }
    period.cycleMs = cycleMs;
    period.requests = requests;
    period.late = Math.min(period.late + WEIGHT, LIMIT);
    if (period.late === LIMIT) period.kept = false;
    if (period.kept || now - this.#saidAt < REPEAT_MS) return null;
    const since = missed - this.#missedAtSaying;
    this.#saidAt = now;
    this.#missedAtSaying = missed;
    return `${this.reason()}; ${since} ${since === 1 ? 'poll' : 'polls'} missed since this was last said`;
  }

  /** Which periods are not kept and what to do; empty while all are. */
  reason(): string {
    const lost = [...this.#periods].filter(([, { kept }]) => !kept);
    if (lost.length === 0) return '';
    const parts = lost.map(([periodMs, { cycleMs, requests }]) => {
      const asked = requests === 1 ? '1 request' : `${requests} requests`;
      return `every ${periodMs} ms (takes ${Math.ceil(cycleMs)} ms, ${asked})`;
    });
    return `it answers too slowly for the period set, polls are missed: ${parts.join(', ')}; raise pollMs, read fewer registers, or see what else is on its line`;
  }

  /** Forgets what was measured before a failure. */
  reset(): void {
    this.#periods.clear();
  }
}
