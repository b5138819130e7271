/**
 * Numbered SQL files, applied in order, each in a transaction and never changed afterwards. `migrations` remembers
 * each one's checksum, so a file that was edited or lost after the fact is found before anything runs.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.ts';
import { inTransaction } from './transaction.ts';

export const MIGRATIONS = join(import.meta.dirname, 'migrations');

const NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;
/** Any constant will do, so long as every hub on one PostgreSQL uses the same. */
const ADVISORY_LOCK = 7_264_301;

export interface MigrationStatus {
  name: string;
  /** `changed`: the file differs from what was applied. `missing`: it was applied, and the file is gone. */
  state: 'applied' | 'pending' | 'changed' | 'missing';
  /** Milliseconds since 1970 UTC; null while pending. */
  appliedAt: number | null;
}

interface File {
  name: string;
  text: string;
  sha256: string;
}

/** Every migration, by number, and what stands of it in the database. Changes nothing. */
export async function status(db: Kysely<Database>, directory = MIGRATIONS): Promise<MigrationStatus[]> {
  return compare(await readFiles(directory), await readApplied(db));
}

/**
 * Applies what is pending and returns its names.
 *
 * @throws LinesideError `MIGRATION_CHANGED`, `MIGRATION_MISSING` or `MIGRATION_ORDER` before anything is applied;
 *   `MIGRATION_FAILED` naming the file, whose transaction is rolled back while those before it stay.
 */
export async function migrate(db: Kysely<Database>, log?: Logger, directory = MIGRATIONS): Promise<string[]> {
  const files = await readFiles(directory);
  const found = compare(files, await readApplied(db));
  check(found, directory);
  const pending = new Set(found.filter(({ state }) => state === 'pending').map(({ name }) => name));
  if (pending.size === 0) return [];
  await alone(db, async (trx) => {
    await sql`create table if not exists migrations (
      name text primary key, sha256 text not null, applied_at bigint not null)`.execute(trx);
  });
  const done: string[] = [];
  for (const file of files) {
    if (!pending.has(file.name)) continue;
    const applied = await alone(db, async (trx) => {
      // Another hub may have applied it while this one waited for the lock.
      const known = await trx
        .selectFrom('migrations')
        .select('name')
        .where('name', '=', file.name)
        .executeTakeFirst();
      if (known) return false;
      try {
        await sql.raw(file.text).execute(trx);
      } catch (error) {
        throw new LinesideError(
          'MIGRATION_FAILED',
          'bug',
          `The migration ${join(directory, file.name)} failed and was rolled back: ${messageOf(error)}.`,
          { cause: error },
        );
      }
      await trx
        .insertInto('migrations')
        .values({ name: file.name, sha256: file.sha256, applied_at: Date.now() })
        .execute();
      return true;
    });
    if (applied) {
      done.push(file.name);
      log?.info({ migration: file.name }, 'migration applied');
    }
  }
  return done;
}

/** In a transaction, with no other hub migrating meanwhile; to build an index may take longer than any query should. */
async function alone<T>(db: Kysely<Database>, work: (trx: Transaction<Database>) => Promise<T>): Promise<T> {
  return inTransaction(db, async (trx) => {
    await sql`set local statement_timeout = 0`.execute(trx);
    await sql`select pg_advisory_xact_lock(${sql.lit(ADVISORY_LOCK)})`.execute(trx);
    return work(trx);
  });
}

async function readFiles(directory: string): Promise<File[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const numbers = new Map<string, string>();
  for (const name of names) {
    const number = NAME.exec(name)?.[1];
    if (!number)
      throw new LinesideError('MIGRATION_ORDER', 'bug', `${join(directory, name)} is not named like 0001-what.sql.`);
    const other = numbers.get(number);
    if (other)
      throw new LinesideError('MIGRATION_ORDER', 'bug', `${name} and ${other} in ${directory} have one number.`);
    numbers.set(number, name);
  }
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8');
      return { name, text, sha256: createHash('sha256').update(text).digest('hex') };
    }),
  );
}

async function hasTable(db: Kysely<Database>): Promise<boolean> {
  const table = await sql<{ name: string | null }>`select to_regclass('migrations')::text as name`.execute(db);
  return table.rows[0]?.name !== null;
}

async function readApplied(db: Kysely<Database>): Promise<{ name: string; sha256: string; applied_at: number }[]> {
  if (!(await hasTable(db))) return [];
  return db.selectFrom('migrations').select(['name', 'sha256', 'applied_at']).orderBy('name').execute();
}

function compare(files: File[], applied: { name: string; sha256: string; applied_at: number }[]): MigrationStatus[] {
  const stored = new Map(applied.map((row) => [row.name, row]));
  const result: MigrationStatus[] = files.map(({ name, sha256 }) => {
    const row = stored.get(name);
    if (!row) return { name, state: 'pending', appliedAt: null };
    return { name, state: row.sha256 === sha256 ? 'applied' : 'changed', appliedAt: row.applied_at };
  });
  const present = new Set(files.map((file) => file.name));
  for (const row of applied) {
    if (!present.has(row.name)) result.push({ name: row.name, state: 'missing', appliedAt: row.applied_at });
  }
  return result.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function check(statuses: MigrationStatus[], directory: string): void {
  const last = statuses.findLast((entry) => entry.state !== 'pending');
  for (const { name, state } of statuses) {
    const file = join(directory, name);
    if (state === 'changed') {
      throw new LinesideError(
        'MIGRATION_CHANGED',
        'config',
        `The migration ${file} is not the one that was applied to this database. Restore the file; a change belongs in a new migration.`,
      );
    }
    if (state === 'missing') {
      throw new LinesideError(
        'MIGRATION_MISSING',
        'config',
        `This database has the migration ${name}, which is not in ${directory}. It belongs to another, probably newer, version of the hub: run that one.`,
      );
    }
    if (state === 'pending' && last && name < last.name) {
      throw new LinesideError(
        'MIGRATION_ORDER',
        'bug',
        `The migration ${file} comes before ${last.name}, which is applied already. Give it the next free number.`,
      );
    }
  }
}
