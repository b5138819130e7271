/**
 * What many ask for at about the same time is read once: whoever asks while it is being read waits for the same answer, and
 * whoever asks a moment later gets it again. What somebody changes here is to be told with `forget`; what another hub
 * on the same store changes shows when the moment is over.
 */

export interface SharedReadsOptions {
  /** An answer goes out for so long after it was asked for. Milliseconds. */
  lifeMs: number;
  /** Answers that are kept; beyond, the one that was read longest ago goes. */
  most: number;
  now(): number;
}

export class SharedReads<T> {
  readonly #options: SharedReadsOptions;
  readonly #kept = new Map<string, { answer: Promise<T>; at: number; done: boolean }>();

  constructor(options: SharedReadsOptions) {
    this.#options = options;
  }

  /** Answers that are kept or on their way. */
  get size(): number {
    return this.#kept.size;
  }

  /** The answer belongs to all who asked: it is to be left as it is. A failure is everybody's who waited, and not kept. */
  get(key: string, read: () => Promise<T>): Promise<T> {
    const { lifeMs, most, now } = this.#options;
    const known = this.#kept.get(key);
    // A clock that was put back must not keep an answer for hours.
    if (known && (!known.done || Math.abs(now() - known.at) < lifeMs)) return known.answer;
    this.#kept.delete(key);
    if (this.#kept.size >= most) this.#kept.delete(this.#kept.keys().next().value!);
    const fresh = { answer: read(), at: now(), done: false };
    this.#kept.set(key, fresh);
    fresh.answer.then(
      () => (fresh.done = true),
      () => {
        if (this.#kept.get(key) === fresh) this.#kept.delete(key);
      },
    );
    return fresh.answer;
  }

  /** Something has changed: who asks from now on gets none of the answers so far, nor one that is on its way. */
  forget(key?: string): void {
    if (key === undefined) this.#kept.clear();
    else this.#kept.delete(key);
  }
}
