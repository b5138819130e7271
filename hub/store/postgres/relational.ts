/**
 * The contract of the relational store, and the embedded one behind it: lock, worker, migrations, and the upkeep that
 * PostgreSQL's daemons would do. The other one is server.ts.
 */
import { join } from 'node:path';
import { type LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Kysely, type LogEvent, sql } from 'kysely';
import { copyAhead } from './copy-data.ts';
import { migrate } from './migrate.ts';
import { PgliteClient } from './pglite-client.ts';
import { PgliteDialect } from './pglite-dialect.ts';
import type { Diagnostics } from './pglite-protocol.ts';
import type { Database } from './schema.ts';

/** PGlite runs PostgreSQL without its checkpointer: nothing else would ever let go of old log files. */
const CHECKPOINT_MS = 10 * 60_000;
/** Nor is there an autovacuum: dead rows, statistics and transaction ids are seen to here. */
const VACUUM_MS = 6 * 3_600_000;

export interface RelationalOptions {
  /** Directory of the store's own; made when it is not there. */
  dataDir: string;
  log?: Logger;
  /** A query that takes longer is taken for a database that hangs. Milliseconds; default a minute. */
  deadlineMs?: number;
  /** Called when the database stops by itself; every query fails from then on. */
  onFailure?: (error: LinesideError) => void;
  onQuery?: QuerySeen;
  /** Whether its tables are brought up to date; true unless told otherwise. */
  migrateAtStart?: boolean;
}

/** Called after each statement, also one that failed. It must not throw, and must not ask the store anything. */
export type QuerySeen = (query: {
  sql: string;
  parameters: readonly unknown[];
  durationMs: number;
  failed: boolean;
}) => void;

/** What the hub keeps in tables, whichever PostgreSQL has it. */
export interface Relational {
  db: Kysely<Database>;
  /** Whether other hubs may use the same database. */
  readonly shared: boolean;
  /** Why nothing can be asked of it now, in words; empty while all is well. */
  readonly fault: string;
  /** Idempotent. Lets running queries finish. */
  close(): Promise<void>;
}

export interface EmbeddedRelational extends Relational {
  diagnostics(): Promise<Diagnostics>;
  /**
   * Begins a copy of the store's files; the function that it resolves with completes it, while queries wait: then
   * `directory` is the store as it is at that moment. The copy is not synced to disk.
   */
  copyTo(directory: string): Promise<() => Promise<void>>;
}

/**
 * Opens the store and brings its tables up to date: about 4 s for a new directory, then half a second.
 *
 * @throws LinesideError `STORE_LOCKED` naming the other process, `STORE_DAMAGED`, `STORE_UNUSABLE`, `migration.*`
 */
export async function openRelational(options: RelationalOptions): Promise<EmbeddedRelational> {
  const { dataDir, log } = options;
  const lock = new DirectoryLock(dataDir);
  await lock.acquire();
  const place = { directory: join(dataDir, 'data'), marker: join(dataDir, 'creating') };
  let fault = '';
  const client = new PgliteClient(place, options.deadlineMs ?? 60_000, (error) => {
    fault = error.message;
    log?.fatal({ reason: error.message }, 'relational store stopped');
    options.onFailure?.(error);
  });
  const db = new Kysely<Database>({ dialect: new PgliteDialect(client), ...watchQueries(options.onQuery) });
  try {
    await client.start();
    if (options.migrateAtStart !== false) await migrate(db, log);
  } catch (error) {
    await db.destroy();
    await client.close();
    await lock.release();
    throw error;
  }
  const timers = [every(CHECKPOINT_MS, 'checkpoint', db, log), every(VACUUM_MS, 'vacuum (analyze)', db, log)];
  let closing: Promise<void> | undefined;
  return {
    db,
    shared: false,
    get fault() {
      return fault;
    },
    diagnostics: () => client.diagnostics(),
    async copyTo(directory) {
      await sql`checkpoint`.execute(db);
      const ahead = await copyAhead(place.directory, directory);
      return () => client.copyTo(directory, ahead);
    },
    close() {
      closing ??= (async () => {
        for (const timer of timers) clearInterval(timer);
        await db.destroy();
        await client.close();
        await lock.release();
      })();
      return closing;
    },
  };
}

/** Kysely's own options for it. */
export function watchQueries(onQuery: QuerySeen | undefined): { log?: (event: LogEvent) => void } {
  if (!onQuery) return {};
  return {
    log: ({ level, query, queryDurationMillis }) =>
      onQuery({
        ...{ sql: query.sql, parameters: query.parameters, durationMs: queryDurationMillis },
        failed: level === 'error',
      }),
  };
}

function every(ms: number, statement: string, db: Kysely<Database>, log: Logger | undefined): NodeJS.Timeout {
  return setInterval(() => {
    sql
      .raw(statement)
      .execute(db)
      .catch((error: unknown) =>
        log?.warn({ statement, reason: messageOf(error) }, 'upkeep of the relational store failed'),
      );
  }, ms).unref();
}
