/**
 * Work for the database that comes from every gateway in the same moment, after a start or a cut: a few at a time, so that
 * connections are left for all else and nobody's wait for one runs out. The others wait here, each gateway with one or two.
 */
const AT_ONCE = 4;

export class FewAtOnce {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await work();
    } finally {
      // Whoever is next takes over the place.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
