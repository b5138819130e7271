/** The truth file: every value that the plant's servers have served, one JSON object a line. */
import { closeSync, openSync, writeSync } from 'node:fs';

/** Lines wait no longer than this before they are in the file, in milliseconds. */
const FLUSH_MS = 100;

export type TruthLine =
  /** A value set on an OPC UA node: name, source time in ms, value, status code. */
  | { m: string; n: string; t: number; v: number | null; q: number }
  /** A served Modbus read: time in ms, function code, first address, and words, bits or an exception code. */
  | { m: string; t: number; f: number; a: number; w: number[] }
  | { m: string; t: number; f: number; a: number; b: number[] }
  | { m: string; t: number; f: number; a: number; l: number; x: number };

export class TruthLog {
  readonly #path: string | undefined;
  #file: number | undefined;
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param path appended to; undefined writes nothing. */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Throws when the file cannot be opened for appending. */
  start(): void {
    if (this.#path !== undefined) this.#file = openSync(this.#path, 'a');
  }

  write(line: TruthLine): void {
    if (this.#file === undefined) return;
    this.#waiting.push(`${JSON.stringify(line)}\n`);
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Synchronous, so that nothing is missing even when the process ends right after it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#file === undefined || this.#waiting.length === 0) return;
    const bytes = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written);
  }

  stop(): void {
    this.flush();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
