/** The last lines of a program's own log, in memory, for whoever asks from afar. Bounded in lines and in each line. */
export class LogRing {
  readonly #lines: string[] = [];
  readonly #most: number;
  readonly #longest: number;

  constructor(most = 2_000, longest = 2_000) {
    this.#most = most;
    this.#longest = longest;
  }

  /** @param line as it was written, secrets taken out already */
  add(line: string): void {
    this.#lines.push(line.length > this.#longest ? `${line.slice(0, this.#longest)}…` : line.trimEnd());
    if (this.#lines.length > this.#most) this.#lines.shift();
  }

  /** The newest so many, oldest first. */
  last(count: number): { lines: string[]; left: number } {
    const lines = this.#lines.slice(-count);
    return { lines, left: this.#lines.length - lines.length };
  }
}
