/**
 * Lines for standard output that stand there whole and in their order, however the process ends: each is written before
 * `write` returns, so that the last word of a program that fails is never the one that is missing. What nobody reads at
 * the moment waits in memory, for whoever collects must not stand still for its log.
 */
import { writeSync } from 'node:fs';

const STDOUT = 1;
/** How soon a reader that took nothing more is tried again, and how long at the very end. Milliseconds. */
const AGAIN_MS = 50;
const END_MS = 1_000;
/** What may wait. Bytes. */
const MAX_WAITING = 1024 * 1024;

export class StdoutLines {
  /** The first may have been written in part. */
  #waiting: Buffer[] = [];
  #bytes = 0;
  #lost = 0;
  #unread = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onLost: (lines: number) => void;
  readonly #atExit = () => this.#finish();

  /** @param onLost so many lines were lost while nobody read; told when somebody does again */
  constructor(onLost: (lines: number) => void) {
    this.#onLost = onLost;
    // To look at it makes a pipe or a socket one that does not block.
    void process.stdout;
  }

  write(line: string): void {
    if (this.#unread) return;
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#timer) this.#bound();
    else if (!this.#pass()) this.#wait();
  }

  /** Writes what there is; false when nobody takes it now. */
  #pass(): boolean {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting as [Buffer];
      try {
        const written = writeSync(STDOUT, first);
        this.#bytes -= written;
        if (written < first.length) this.#waiting[0] = first.subarray(written);
        else this.#waiting.shift();
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return false;
        // Nobody will ever read it; or the disk behind it is full, and takes later lines perhaps.
        this.#unread = code === 'EPIPE';
        this.#waiting = [];
        this.#bytes = 0;
      }
    }
    return true;
  }

  #wait(): void {
    process.on('exit', this.#atExit);
    this.#timer = setInterval(() => {
      if (!this.#pass()) return;
      this.#stopWaiting();
      this.#tellLost();
    }, AGAIN_MS).unref();
  }

  #stopWaiting(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    process.off('exit', this.#atExit);
  }

  #tellLost(): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#onLost(lost);
  }

  /** The newest are worth more, and half a line is worth nothing. */
  #bound(): void {
    while (this.#bytes > MAX_WAITING && this.#waiting.length > 2) {
      const [gone] = this.#waiting.splice(1, 1) as [Buffer];
      this.#bytes -= gone.length;
      this.#lost++;
    }
  }

  /** There is no later: whoever reads slowly gets this much time. */
  #finish(): void {
    this.#stopWaiting();
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const until = performance.now() + END_MS;
    while (!this.#pass() && performance.now() < until) Atomics.wait(pause, 0, 0, 5);
    this.#tellLost();
  }
}
