/** Brings the messages of one edge node into their order: one number from 0 to 255 goes over it and its devices. */

const NUMBERS = 256;

export class Sequence<T> {
  readonly #early = new Map<number, T>();
  #next = 0;

  /** How many wait for one that is missing. */
  get waiting(): number {
    return this.#early.size;
  }

  /** After the birth that had this number. What has waited was of the births before. */
  begin(seq: number): void {
    this.#early.clear();
    this.#next = (seq + 1) % NUMBERS;
  }

  /** @returns what can be taken now, in order; a message that came twice is left out */
  take(seq: number, message: T): T[] {
    const ahead = this.#ahead(seq);
    if (ahead === NUMBERS - 1 || this.#early.has(seq)) return [];
    this.#early.set(seq, message);
    const ready: T[] = [];
    for (;;) {
      const next = this.#early.get(this.#next);
      if (next === undefined) return ready;
      this.#early.delete(this.#next);
      this.#next = (this.#next + 1) % NUMBERS;
      ready.push(next);
    }
  }

  /** Waits no longer: gives all that has come, in order, and how many are missing between. */
  giveUp(): { messages: T[]; missing: number } {
    const order = [...this.#early].sort(([a], [b]) => this.#ahead(a) - this.#ahead(b));
    const last = order.at(-1);
    if (!last) return { messages: [], missing: 0 };
    const missing = this.#ahead(last[0]) + 1 - order.length;
    this.begin(last[0]);
    return { messages: order.map(([, message]) => message), missing };
  }

  #ahead(seq: number): number {
    return (seq - this.#next + NUMBERS) % NUMBERS;
  }
}
