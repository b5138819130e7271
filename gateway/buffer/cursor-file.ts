/**
 * How far the hub has committed, remembered across restarts. Losing a second of it costs nothing: the hub says
 * where it stands at each connect. So it is replaced atomically, but not synced.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';

export class CursorFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The remembered seq of this epoch; 0 when there is none. */
  async read(epoch: string): Promise<number> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const [known, seq] = text.trim().split(' ');
    const value = Number(seq);
    return known === epoch && Number.isSafeInteger(value) && value >= 0 ? value : 0;
  }

  async write(epoch: string, seq: number): Promise<void> {
    await writeFile(`${this.#path}.new`, `${epoch} ${seq}\n`, { mode: 0o640 });
    await rename(`${this.#path}.new`, this.#path);
  }
}
