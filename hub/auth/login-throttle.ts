/**
 * Slows the guessing of passwords down: after five failures for a name or from an address, the next attempt has to
 * wait, twice as long after each further failure. In memory and bounded: a restart forgives.
 */
import { ThrottledError } from './throttled-error.ts';

const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 2_000;
const MAX_WAIT_MS = 15 * 60_000;
const MAX_ENTRIES = 10_000;

interface Entry {
  failures: number;
  until: number;
}

export class LoginThrottle {
  readonly #entries = new Map<string, Entry>();

  /**
   * Lets an attempt begin, and counts it as failed until it has succeeded: parallel guesses are not free.
   *
   * @throws ThrottledError LOGIN_THROTTLED while one with any of these keys has to wait
   */
  attempt(keys: string[], now: number): void {
    const wait = this.waitFor(keys, now);
    if (wait > 0) throw new ThrottledError(Math.ceil(wait / 1_000));
    this.failed(keys, now);
  }

  /** Milliseconds until an attempt with any of these keys is allowed; 0 when it is. */
  waitFor(keys: string[], now: number): number {
    return Math.max(0, ...keys.map((key) => (this.#entries.get(key)?.until ?? 0) - now));
  }

  failed(keys: string[], now: number): void {
    for (const key of keys) {
      const failures = (this.#entries.get(key)?.failures ?? 0) + 1;
      const over = failures - FREE_FAILURES;
      const wait = over < 0 ? 0 : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** over);
      this.#entries.delete(key);
      this.#entries.set(key, { failures, until: now + wait });
    }
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES) break;
      this.#entries.delete(oldest);
    }
  }

  /** Nobody has to wait any more. */
  forgive(): void {
    this.#entries.clear();
  }

  succeeded(keys: string[]): void {
    for (const key of keys) this.#entries.delete(key);
  }
}
