/**
 * Kysely on the PGlite worker. There is one session, so there is one connection: a transaction has it alone, and
 * everything else waits its turn.
 */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import {
  AbortedTransactionError,
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type { PgliteClient } from './pglite-client.ts';

const MAX_WAITING = 10_000;
const MAX_WAIT_MS = 30_000;

export class PgliteDialect implements Dialect {
  readonly #client: PgliteClient;

  constructor(client: PgliteClient) {
    this.#client = client;
  }

  createDriver(): Driver {
    return new PgliteDriver(this.#client);
  }

  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new PostgresAdapter();
  }

  // biome-ignore lint/suspicious/noExplicitAny: Kysely's own signature.
  createIntrospector(db: Kysely<any>): DatabaseIntrospector {
    return new PostgresIntrospector(db);
  }
}

interface Turn {
  resolve(): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

class PgliteDriver implements Driver {
  readonly #client: PgliteClient;
  readonly #connection: DatabaseConnection;
  readonly #waiting: Turn[] = [];
  #taken = false;

  constructor(client: PgliteClient) {
    this.#client = client;
    this.#connection = new PgliteConnection(client);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    if (!this.#taken) this.#taken = true;
    else await this.#turn();
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    const next = this.#waiting.shift();
    if (next) {
      clearTimeout(next.timer);
      next.resolve();
    } else {
      this.#taken = false;
    }
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const level = settings.isolationLevel ? ` isolation level ${settings.isolationLevel}` : '';
    const mode = settings.accessMode ? ` ${settings.accessMode}` : '';
    await connection.executeQuery(CompiledQuery.raw(`begin${level}${mode}`));
  }

  /** PostgreSQL answers COMMIT of a transaction in which a statement failed with ROLLBACK and no error. */
  async commitTransaction(): Promise<void> {
    const { command } = await this.#client.query('commit', []);
    if (command === 'ROLLBACK') throw new AbortedTransactionError();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {
    await this.#client.close();
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) {
      throw new LinesideError(
        'STORE_BUSY',
        'outside',
        `${MAX_WAITING} queries already wait for the relational store.`,
      );
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(
          new LinesideError(
            'STORE_BUSY',
            'bug',
            `A query waited ${MAX_WAIT_MS / 1_000} s for the relational store. ` +
              'A transaction is too long, or uses the store itself instead of its transaction and waits for itself.',
          ),
        );
      }, MAX_WAIT_MS);
      timer.unref();
      const turn: Turn = { resolve, reject, timer };
      this.#waiting.push(turn);
    });
  }
}

class PgliteConnection implements DatabaseConnection {
  readonly #client: PgliteClient;

  constructor(client: PgliteClient) {
    this.#client = client;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, affectedRows } = await this.#client.query(query.sql, query.parameters);
    const numAffectedRows = affectedRows === undefined ? undefined : BigInt(affectedRows);
    return numAffectedRows === undefined ? { rows: rows as R[] } : { rows: rows as R[], numAffectedRows };
  }

  // biome-ignore lint/correctness/useYield: a session that others wait for must not be held by a reader.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new LinesideError('STORE_STREAM', 'bug', 'The embedded store has no cursors: ask for pages instead.');
  }
}
