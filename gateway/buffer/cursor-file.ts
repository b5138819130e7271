/**
 * How far the hub has committed, remembered across restarts. Losing a second of it costs nothing: the hub says
 * where it stands at each connect. So it is replaced atomically, but not synced.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';

export class CursorFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** The remembered seq of this epoch; 0 when there is none or the file is damaged. */
  async read(epoch: string): Promise<number> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    // The line's end is part of it: a cut-off number would be a smaller one.
    const [, known, digits] = /^([0-9a-f]{32}) (\d{1,16})\n$/.exec(text) ?? [];
    const seq = Number(digits);
    return known === epoch && Number.isSafeInteger(seq) ? seq : 0;
  }

  /** One after the other, so that two writers never share the file that is renamed. */
  write(epoch: string, seq: number): Promise<void> {
    const write = async () => {
      await writeFile(`${this.#path}.new`, `${epoch} ${seq}\n`, { mode: 0o640 });
      await rename(`${this.#path}.new`, this.#path);
    };
    const done = this.#writing.then(write);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}
