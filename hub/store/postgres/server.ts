/** Opens a PostgreSQL server as the relational store: waits until it is there, looks whether it will do, migrates. */
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { untilThere } from '../until-there.ts';
import { migrate, status } from './migrate.ts';
import { type QuerySeen, type Relational, watchQueries } from './relational.ts';
import type { Database } from './schema.ts';
import { refusalOf } from './server-fault.ts';
import { ServerPool, type ServerPoolOptions } from './server-pool.ts';

const OLDEST_VERSION = 15;
/** How often an idle server is asked whether it is there, and one that is away. Milliseconds. */
const LOOK_MS = 10_000;
const LOOK_AGAIN_MS = 1_000;

export interface ServerOptions extends Omit<ServerPoolOptions, 'onContact'> {
  /** For who only looks at the tables, or changes them himself. */
  migrations?: 'asTheyAre';
  log?: Logger;
  /** Ends the waiting for a server that is not there. */
  signal?: AbortSignal;
  onQuery?: QuerySeen;
}

/**
 * Waits for as long as it takes while the server is merely not there. It may go and come back at any time after that:
 * queries fail with STORE_UNREACHABLE meanwhile.
 *
 * @throws LinesideError STOPPED, STORE_REFUSED, STORE_TOO_OLD, STORE_ENCODING, MIGRATION_PENDING, MIGRATION_*
 */
export async function openServer(options: ServerOptions): Promise<Relational> {
  const { log, migrateAtStart, onQuery } = options;
  const contact = new Contact(log);
  const pool = new ServerPool({ ...options, onContact: (error) => contact.had(error) });
  contact.where = pool.where;
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }), ...watchQueries(onQuery) });
  try {
    await untilThere(() => checkServer(db, pool.where, log), { server: 'PostgreSQL', log, stopping: options.signal });
    log?.info({ server: pool.where }, 'PostgreSQL is there');
    if (options.migrations !== 'asTheyAre') await (migrateAtStart ? migrate(db, log) : refusePending(db));
  } catch (error) {
    await pool.end();
    throw error instanceof LinesideError ? error : refusalOf(error, pool.where, options.username);
  }
  contact.look = async () => {
    await sql`select 1`.execute(db);
  };
  contact.start();
  let closing: Promise<void> | undefined;
  return {
    db,
    shared: true,
    get fault() {
      return contact.fault;
    },
    close() {
      closing ??= (async () => {
        contact.stop();
        await db.destroy();
      })();
      return closing;
    },
  };
}

/** What is known of whether the server is there. */
class Contact {
  readonly #log: Logger | undefined;
  where = '';
  look: () => Promise<void> = async () => undefined;
  #fault = '';
  #awaySince = 0;
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(log: Logger | undefined) {
    this.#log = log;
  }

  get fault(): string {
    return this.#fault === '' ? '' : `${this.where} is away: ${this.#fault}`;
  }

  start(): void {
    this.#running = true;
    this.#next(LOOK_MS);
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** @param error why a query did not get through; undefined when one did */
  had(error: unknown): void {
    if (!this.#running) return;
    if (error === undefined) {
      if (this.#fault === '') return;
      const seconds = Math.round((performance.now() - this.#awaySince) / 1_000);
      this.#log?.info({ server: this.where, seconds }, 'PostgreSQL is back');
      this.#fault = '';
      return;
    }
    if (this.#fault === '') {
      this.#log?.error({ server: this.where, reason: messageOf(error) }, 'PostgreSQL is away; it is tried again');
      this.#awaySince = performance.now();
      this.#next(LOOK_AGAIN_MS);
    }
    this.#fault = messageOf(error);
  }

  #next(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.look()
        .catch(() => undefined)
        .finally(() => {
          if (this.#running) this.#next(this.#fault === '' ? LOOK_MS : LOOK_AGAIN_MS);
        });
    }, afterMs).unref();
  }
}

interface ServerSettings {
  version: string;
  encoding: string;
  fsync: string;
}

async function checkServer(db: Kysely<Database>, where: string, log: Logger | undefined): Promise<void> {
  const { rows } = await sql<ServerSettings>`select current_setting('server_version_num') as version,
    current_setting('server_encoding') as encoding, current_setting('fsync') as fsync`.execute(db);
  const { version, encoding, fsync } = rows[0]!;
  const major = Math.floor(Number(version) / 10_000);
  if (major < OLDEST_VERSION) {
    const words = `${where} is version ${major}; Lineside needs ${OLDEST_VERSION} or newer: upgrade the server, or remove relational to use the embedded store`;
    throw new LinesideError('STORE_TOO_OLD', 'config', words);
  }
  if (encoding !== 'UTF8') {
    const words = `${where} holds text as ${encoding}; create the database with encoding 'UTF8'`;
    throw new LinesideError('STORE_ENCODING', 'config', words);
  }
  if (fsync !== 'on')
    log?.warn({ server: where }, 'PostgreSQL runs with fsync off: a power cut loses committed data');
}

async function refusePending(db: Kysely<Database>): Promise<void> {
  const open = (await status(db)).filter(({ state }) => state !== 'applied');
  if (open.length === 0) return;
  const words = open.map(({ name, state }) => `${name} (${state})`).join(', ');
  throw new LinesideError(
    'MIGRATION_PENDING',
    'config',
    `the tables are not up to date: ${words}; run hub migrate up`,
  );
}
