/** Gathers what is asked for in the same turn of the event loop and can be answered together. */
export class SameTurn<Key, Ask> {
  readonly #answer: (key: Key, asks: Ask[]) => Promise<void>;
  readonly #waiting = new Map<Key, Ask[]>();

  /** @param answer never rejects: each of those who ask is to hear of a failure */
  constructor(answer: (key: Key, asks: Ask[]) => Promise<void>) {
    this.#answer = answer;
  }

  /** @param key the same for all that can be answered together */
  ask(key: Key, ask: Ask): void {
    const waiting = this.#waiting.get(key);
    if (waiting) {
      waiting.push(ask);
      return;
    }
    const asks = [ask];
    this.#waiting.set(key, asks);
    setImmediate(() => {
      this.#waiting.delete(key);
      void this.#answer(key, asks);
    });
  }
}
