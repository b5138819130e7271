/** The audit log for those who may read it. */
import type { AuditEntry } from '@lineside/shared/contracts/accounts.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import { pageFrom } from '../store/page.ts';
import { type AuditFilter, type AuditNote, appendAudit, listAudit } from '../store/postgres/audit.ts';
import type { Database, Row } from '../store/postgres/schema.ts';
import { stretchOf } from '../store/postgres/stretch.ts';

export interface AuditQuery extends Omit<AuditFilter, 'after' | 'newestFirst'> {
  cursor?: string | undefined;
  sort: string;
}

export class AuditLog {
  readonly #db: Kysely<Database>;
  readonly #log: Logger;
  #fault: string | null = null;

  constructor(db: Kysely<Database>, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /** Why the last note could not be written, in words for /health; null when it could. */
  get fault(): string | null {
    return this.#fault;
  }

  /**
   * Notes what has been done by other means than a transaction of its own. It is done already, so whoever did it is
   * not told that it failed; the hub says that it is not well instead, and its log has the line.
   */
  async note(note: AuditNote): Promise<void> {
    try {
      await appendAudit(this.#db, note);
      this.#fault = null;
    } catch (error) {
      this.#fault = `the audit log cannot be written: ${messageOf(error)}`;
      const { actor, action, target, outcome } = note;
      this.#log.error({ actor, action, target, outcome, error: messageOf(error) }, 'not in the audit log');
    }
  }

  /** @throws LinesideError CURSOR_INVALID, RANGE_INVALID */
  async list({ cursor, sort, limit, ...filter }: AuditQuery): Promise<Page<AuditEntry>> {
    if (filter.from !== undefined && filter.to !== undefined && filter.to <= filter.from) {
      throw new LinesideError('RANGE_INVALID', 'peer', 'from must lie before to');
    }
    const { list, stretch } = stretchOf<number>('audit', { cursor, sort, limit }, 0);
    const rows = await listAudit(this.#db, { ...filter, ...stretch });
    return pageFrom(rows, limit, list, ({ at, id }) => [at, id], viewOf);
  }
}

function viewOf(row: Row<'audit_log'>): AuditEntry {
  const { id, at, actor, action, target, outcome, before, after, address } = row;
  return {
    ...{ id, at, actor, actorKind: row.actor_kind, action, target, outcome },
    ...{ before: before ?? null, after: after ?? null, address, requestId: row.request_id },
  };
}
