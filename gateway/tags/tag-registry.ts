/**
 * Gives every tag its number. A number is never used for another tag within a buffer's epoch, because records
 * that are still on their way speak of tags by number only.
 */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { LINK_TAG, type TagInfo, type ValueType } from '@lineside/shared/contracts/frame.ts';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';

interface TagIds {
  epoch: string;
  next: number;
  ids: Record<string, number>;
}

/** What a tag is before it has its number. */
export type TagDescription = Omit<TagInfo, 'id'>;

/** The gateway's own tag that says whether a device answers. */
export function linkTag(device: string): TagDescription {
  return { device, name: LINK_TAG, type: 'integer', unit: '', description: '1 while the device answers, else 0' };
}

export class TagRegistry {
  readonly #path: string;
  readonly #log: Logger;
  #state: TagIds = { epoch: '', next: 1, ids: {} };

  constructor(dir: string, log: Logger) {
    this.#path = join(dir, 'tags.json');
    this.#log = log;
  }

  /**
   * Numbers the tags, remembering those of earlier starts and calls. The file is on disk before this resolves.
   * `freshEpoch` says that no record has been written yet, so that numbers may begin at 1.
   */
  async assign(epoch: string, freshEpoch: boolean, tags: TagDescription[]): Promise<TagInfo[]> {
    // A file that is lost while the gateway runs must not give the running tags other numbers.
    const known = this.#state.epoch === epoch ? this.#state : await this.#load(epoch, freshEpoch);
    const state: TagIds = { ...known, ids: { ...known.ids } };
    const numbered = tags.map((tag) => {
      const key = keyOf(tag.device, tag.name, tag.type);
      state.ids[key] ??= state.next++;
      return { id: state.ids[key], ...tag };
    });
    if (state.next > known.next) await writeDurably(this.#path, JSON.stringify(state));
    this.#state = state;
    return numbered;
  }

  /** The buffer has begun another epoch while the tags run: they keep their numbers in it. */
  async moveTo(epoch: string): Promise<void> {
    this.#state = { ...this.#state, epoch };
    await writeDurably(this.#path, JSON.stringify(this.#state));
  }

  async #load(epoch: string, freshEpoch: boolean): Promise<TagIds> {
    try {
      const known: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      if (!isTagIds(known)) throw new Error('these are no tag numbers');
      if (known.epoch === epoch) return known;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        const aside = `${this.#path}.damaged`;
        this.#log.error({ path: aside, error: messageOf(error) }, 'tag numbers unreadable; new ones are given');
        await rename(this.#path, aside);
      }
    }
    // Seconds since 2025: above every number given before, so that no old record changes its meaning.
    const beyond = Math.floor((Date.now() - Date.UTC(2025)) / 1000);
    return { epoch, next: freshEpoch ? 1 : Math.max(1, beyond), ids: {} };
  }
}

/** A file in which a number could be given twice is as bad as none. */
function isTagIds(value: unknown): value is TagIds {
  const { epoch, next, ids } = (value ?? {}) as Partial<TagIds>;
  if (typeof epoch !== 'string' || !Number.isSafeInteger(next) || typeof ids !== 'object' || ids === null)
    return false;
  const numbers = Object.values(ids);
  return (
    new Set(numbers).size === numbers.length && numbers.every((id) => Number.isInteger(id) && id > 0 && id < next!)
  );
}

function keyOf(device: string, name: string, type: ValueType): string {
  return `${device}/${name}:${type}`;
}
