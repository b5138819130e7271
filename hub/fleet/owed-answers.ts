/** What gateways have been asked and not answered yet: whoever asked gets the answer, or hears that it will not come. */

interface Owed<T> {
  gateway: string;
  resolve(answer: T): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export class OwedAnswers<T> {
  readonly #owed = new Map<string, Owed<T>>();

  get size(): number {
    return this.#owed.size;
  }

  /**
   * Resolves with the answer.
   *
   * @param patienceMs after which it is given up, milliseconds
   * @param late makes what it then rejects with
   */
  wait(gateway: string, id: string, patienceMs: number, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#take(gateway, id)?.reject(late()), patienceMs);
      this.#owed.set(keyOf(gateway, id), { gateway, resolve, reject, timer });
    });
  }

  has(gateway: string, id: string): boolean {
    return this.#owed.has(keyOf(gateway, id));
  }

  isOwedBy(gateway: string): boolean {
    return [...this.#owed.values()].some((owed) => owed.gateway === gateway);
  }

  /** Does nothing when nobody waits for it, or it is another gateway that was asked. */
  settle(gateway: string, id: string, answer: T): void {
    this.#take(gateway, id)?.resolve(answer);
  }

  /**
   * Nobody waits any more.
   *
   * @param of this gateway; without it, of all
   */
  giveUp(why: (gateway: string) => Error, of?: string): void {
    for (const [key, { gateway, reject, timer }] of this.#owed) {
      if (of !== undefined && gateway !== of) continue;
      this.#owed.delete(key);
      clearTimeout(timer);
      reject(why(gateway));
    }
  }

  #take(gateway: string, id: string): Owed<T> | undefined {
    const key = keyOf(gateway, id);
    const owed = this.#owed.get(key);
    clearTimeout(owed?.timer);
    this.#owed.delete(key);
    return owed;
  }
}

function keyOf(gateway: string, id: string): string {
  return `${gateway} ${id}`;
}
