/**
 * Hears of rights that another hub on the same tables has changed or ended. Every such change is a line of the audit
 * log in its own transaction, so that log is read on, once a second, and nothing has to be told twice.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import { newestAuditId, rightsChangesAfter } from '../store/postgres/audit.ts';
import type { Database } from '../store/postgres/schema.ts';
import { KEY_NAME } from './identity.ts';

const LOOK_MS = 1_000;
/**
 * A line gets its number before it is committed, so one may come to be seen after those that follow it, of which there
 * are hundreds a second where programs set tags.
 */
const LOOK_BACK = 2_000;

export interface ChangesElsewhereOptions {
  db: Kysely<Database>;
  /** Whose rights may be others now, a name as an identity has it; and what was done. */
  onChange(who: string, action: string): void;
  log: Logger;
}

export class ChangesElsewhere {
  readonly #options: ChangesElsewhereOptions;
  readonly #seen = new Set<number>();
  #newest = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: ChangesElsewhereOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#newest = await newestAuditId(this.#options.db);
    for (const { id } of await rightsChangesAfter(this.#options.db, this.#newest - LOOK_BACK)) this.#seen.add(id);
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { db, onChange, log } = this.#options;
    try {
      // Of all lines: rights change once a week, and what is written between is not to be read each second.
      const newest = await newestAuditId(db);
      for (const { id, action, target } of await rightsChangesAfter(db, this.#newest - LOOK_BACK)) {
        if (this.#seen.has(id)) continue;
        this.#seen.add(id);
        onChange(action === 'key.revoke' ? `${KEY_NAME}${target}` : target, action);
      }
      this.#newest = newest;
      for (const id of this.#seen) if (id <= this.#newest - LOOK_BACK) this.#seen.delete(id);
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'changes of rights at other hubs not looked up');
    } finally {
      this.#looking = false;
    }
  }
}
