/**
 * The number that pairs a node's birth with its death: 0 to 255, one more for each CONNECT, over restarts too
 * (Sparkplug B 3.0, 6.4.6). A broker may tell of a death after the node has come back; by this number a host knows
 * that it is an old one.
 */
import { readFile } from 'node:fs/promises';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';

export class BdSeqFile {
  readonly #path: string;
  readonly #log: Logger;
  #last: number | undefined;
  #used = true;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /**
   * The number for the next CONNECT; it is on disk when this resolves. One that no CONNECT has carried is given again.
   * Never rejects: a disk that does not take it keeps nobody offline.
   */
  async next(): Promise<number> {
    this.#last ??= await this.#read();
    if (!this.#used) return this.#last;
    this.#last = (this.#last + 1) % 256;
    this.#used = false;
    try {
      await writeDurably(this.#path, `${this.#last}\n`);
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'the number of the next birth is not on disk; going on with it');
    }
    return this.#last;
  }

  /** A CONNECT with the last number has gone out. */
  sent(): void {
    this.#used = true;
  }

  async #read(): Promise<number> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const number = /^(\d{1,3})\n$/.test(text) ? Number(text) : 255;
    return number < 256 ? number : 255;
  }
}
