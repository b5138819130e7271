/**
 * The values of one set of tags at one rate, for all clients that have asked for just that: what has changed is
 * gathered, made a message once, and given to each of them.
 */
import type { LiveValue } from '@lineside/shared/contracts/api.ts';

export interface ValueTaker {
  /** @param tags those of which the message speaks; not to be kept */
  takeValues(message: Buffer, tags: ReadonlySet<number>): void;
}

export class ValueGroup {
  readonly key: string;
  readonly takers = new Set<ValueTaker>();
  readonly tags = new Set<number>();
  readonly #intervalMs: number;
  readonly #last: (tag: number) => LiveValue | undefined;
  #changed = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #flushedAt = 0;

  /** @param maxRate messages a second */
  constructor(key: string, maxRate: number, last: (tag: number) => LiveValue | undefined) {
    this.key = key;
    this.#intervalMs = 1_000 / maxRate;
    this.#last = last;
  }

  changed(tag: number): void {
    this.#changed.add(tag);
    if (this.#timer) return;
    const wait = Math.max(0, this.#flushedAt + this.#intervalMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, wait);
  }

  /** Idempotent. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changed.clear();
  }

  #flush(): void {
    this.#flushedAt = performance.now();
    const tags = this.#changed;
    this.#changed = new Set();
    const message = valuesMessage(tags, this.#last);
    if (message) for (const taker of this.takers) taker.takeValues(message, tags);
  }
}

/** The present values of tags as a message; undefined when none of them has one. */
export function valuesMessage(
  tags: Iterable<number>,
  last: (tag: number) => LiveValue | undefined,
): Buffer | undefined {
  const values: LiveValue[] = [];
  for (const tag of tags) {
    const value = last(tag);
    if (value) values.push(value);
  }
  return values.length === 0 ? undefined : Buffer.from(JSON.stringify({ type: 'values', values }));
}
