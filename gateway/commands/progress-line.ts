/** How far a long reading of files has come, on standard error. */
const SAY_MS = 2_000;
const MIB = 1024 * 1024;

export class ProgressLine {
  readonly #total: number;
  readonly #began = performance.now();
  #done = 0;
  #saidAt = performance.now();
  #said = false;

  constructor(files: readonly { bytes: number }[]) {
    this.#total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  done(bytes: number): void {
    this.#done += bytes;
    const now = performance.now();
    if (now - this.#saidAt < SAY_MS) return;
    this.#saidAt = now;
    this.#said = true;
    const share = Math.min(99, Math.floor((100 * this.#done) / Math.max(1, this.#total)));
    console.error(`${share} %: ${Math.round(this.#done / MIB)} of ${Math.round(this.#total / MIB)} MiB`);
  }

  end(): void {
    if (!this.#said) return;
    console.error(`${Math.round(this.#done / MIB)} MiB in ${Math.round((performance.now() - this.#began) / 1000)} s`);
  }
}
