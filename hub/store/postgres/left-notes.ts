/**
 * Lines for the audit log of commands that found no hub running: they may not open its tables, and as root could leave
 * there what the hub cannot read. So they stand in a file of dataDir until a hub starts on it.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncToDisk, writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely, Transaction } from 'kysely';
import { type AuditNote, appendAudit, atTheHub } from './audit.ts';
import type { Database } from './schema.ts';
import { inTransaction } from './transaction.ts';

const NAME = 'audit-notes.jsonl';

/** A note of a command, without what all of them have in common. */
export interface LeftNote extends Pick<AuditNote, 'action' | 'target' | 'after' | 'at'> {
  /** Who typed it, such as `root at the hub`. */
  by: string;
}

/** @param dir dataDir, or what becomes it */
export async function leaveNote(dir: string, note: LeftNote): Promise<void> {
  const file = join(dir, NAME);
  await writeDurably(file, `${await textOf(file)}${JSON.stringify(note)}\n`, { mode: 0o600, ownerOf: dir });
}

/** Takes what commands have left into the audit log, each note once also when this is cut off. */
export async function takeNotes(dataDir: string, db: Kysely<Database>, log: Logger): Promise<void> {
  const file = join(dataDir, NAME);
  const lines = (await textOf(file)).split('\n').filter((line) => line !== '');
  if (lines.length === 0) return;
  await inTransaction(db, async (trx) => {
    for (const line of lines) {
      const note = read(line);
      if (typeof note === 'string') log.error({ file, line, error: note }, 'a note for the audit log cannot be read');
      else if (!(await stands(trx, note))) {
        const { by, ...rest } = note;
        await appendAudit(trx, { ...rest, actor: atTheHub(by), outcome: 'done' });
      }
    }
  });
  await rm(file);
  await syncToDisk(dataDir);
}

async function stands(trx: Transaction<Database>, { at, by, action, target }: LeftNote): Promise<boolean> {
  const found = await trx
    .selectFrom('audit_log')
    .select('id')
    .where('target', '=', target)
    .where('at', '=', at)
    .where('action', '=', action)
    .where('actor', '=', by)
    .limit(1)
    .execute();
  return found.length > 0;
}

/** Why it is none, in words. */
function read(line: string): LeftNote | string {
  try {
    const { by, action, target, at, after } = JSON.parse(line) as LeftNote;
    if ([by, action, target].every((text) => typeof text === 'string') && Number.isInteger(at)) {
      return { by, action, target, at, after };
    }
    return 'by, action, target or at is missing';
  } catch (error) {
    return messageOf(error);
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
