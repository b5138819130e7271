/** Asks an edge node for its births: at once, then ever more seldom, until they come. */
import { Backoff } from '@lineside/shared/time/backoff.ts';

/** Births of a big node are megabytes; one that is asked too often does nothing else. Milliseconds. */
const FIRST_MS = 4_000;
const MAX_MS = 120_000;

export class Rebirth {
  readonly #send: (why: string, again: boolean) => void;
  readonly #backoff: Backoff;
  readonly #maxMs: number;
  #timer: NodeJS.Timeout | undefined;
  #sentAt = Number.NEGATIVE_INFINITY;
  #waitMs = 0;
  #why = '';

  /** @param firstMs for tests: the bound of the first waiting time */
  constructor(send: (why: string, again: boolean) => void, firstMs = FIRST_MS) {
    this.#send = send;
    this.#maxMs = Math.max(MAX_MS, firstMs);
    this.#backoff = new Backoff(firstMs, MAX_MS);
  }

  /** Why the births are waited for; empty when they are not. */
  get why(): string {
    return this.#why;
  }

  /** @param afterMs not before so long has passed */
  ask(why: string, afterMs = 0): void {
    if (this.#why !== '') return;
    this.#why = why;
    const since = performance.now() - this.#sentAt;
    if (since > this.#maxMs) this.#backoff.reset();
    const wait = Math.max(afterMs, this.#waitMs - since);
    if (wait > 0) this.#timer = setTimeout(() => this.#now(false), wait);
    else this.#now(false);
  }

  /** They have come, or nobody is there to ask. */
  done(): void {
    clearTimeout(this.#timer);
    this.#why = '';
  }

  #now(again: boolean): void {
    this.#sentAt = performance.now();
    this.#waitMs = this.#backoff.next();
    this.#timer = setTimeout(() => this.#now(true), this.#waitMs);
    this.#send(this.#why, again);
  }
}
