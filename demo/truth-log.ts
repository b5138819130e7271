/** The truth file: every value that the plant's servers have served, one JSON object a line. */
import { closeSync, openSync, writeSync } from 'node:fs';

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

  /** @param path appended to; undefined writes nothing. */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Throws when the file cannot be opened for appending. */
  start(): void {
    if (this.#path !== undefined) this.#file = openSync(this.#path, 'a');
  }

  /**
   * The line is the system's when this returns, so that it outlives a killed plant: whoever has read a value finds
   * it here.
   */
  write(line: TruthLine): void {
    if (this.#file === undefined) return;
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written);
  }

  stop(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
