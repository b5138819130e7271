/**
 * Connections to a PostgreSQL server as Kysely wants them. Each may break at any time: what was asked on it fails with
 * a clear word, it is thrown away, and the next one asked for is a new one.
 */
import { tlsOptions } from '@lineside/shared/config/tls-client.ts';
import { readSecret } from '@lineside/shared/config/validate.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { RelationalConfig } from './config.ts';
import { isAway } from './server-fault.ts';
import { INT8, safeInteger } from './value-parsers.ts';

/** Those who wait for a connection; with more, the hub is behind in a way that waiting does not mend. */
const MOST_WAITING = 5_000;
/** The server ends what takes too long; one that does not even do that is given up so much later. Milliseconds. */
const GRACE_MS = 5_000;
/** A connection that nobody needs is closed after so long. Milliseconds. */
const IDLE_MS = 60_000;

export interface ServerPoolOptions extends RelationalConfig {
  /** A path of the configuration, taken from the folder of its file. */
  resolvePath(path: string): string;
  /** Shown by the server in pg_stat_activity. */
  applicationName: string;
  /** Called when the server answers, and with the error when it is away. */
  onContact(error: unknown): void;
}

export class ServerPool implements PostgresPool {
  readonly #options: ServerPoolOptions;
  readonly #pool: pg.Pool;
  readonly #clients = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  /** The server, for people; without anything secret. */
  readonly where: string;

  /** @throws LinesideError SECRET_UNREADABLE, TLS_FILE_UNREADABLE */
  constructor(options: ServerPoolOptions) {
    this.#options = options;
    const { url, username, passwordFile, tls, resolvePath } = options;
    const { hostname, port, pathname } = new URL(url);
    const host = decodeURIComponent(hostname).replace(/^\[|\]$/g, '');
    const database = pathname.slice(1);
    this.where = `PostgreSQL at ${hostname}:${port || 5432}/${database}`;
    this.#pool = new pg.Pool({
      ...{ host, port: Number(port || 5432), database, user: username },
      ...(passwordFile === undefined ? {} : { password: readSecret(resolvePath(passwordFile)) }),
      // Nothing of it comes from variables such as PGSSLMODE, which somebody may have set for another program.
      ssl: tls ? tlsOptions(tls, host, resolvePath) : false,
      ...{ max: options.poolSize, idleTimeoutMillis: IDLE_MS, connectionTimeoutMillis: options.connectTimeoutMs },
      ...{ keepAlive: true, keepAliveInitialDelayMillis: 10_000, application_name: options.applicationName },
      statement_timeout: options.statementTimeoutMs,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
      // A server may be set up to answer before it has written; gateways delete what they were told is kept.
      options: '-c synchronous_commit=on',
      types: { getTypeParser },
    });
    // An idle connection has broken; the next query finds out what that means.
    this.#pool.on('error', (error) => options.onContact(error));
  }

  get options(): object {
    return this.#pool.options;
  }

  /** @throws LinesideError STORE_BUSY, STORE_UNREACHABLE; else what the server says */
  async connect(): Promise<PostgresPoolClient> {
    const { onContact, connectTimeoutMs, poolSize } = this.#options;
    if (this.#pool.waitingCount >= MOST_WAITING) {
      throw new LinesideError('STORE_BUSY', 'outside', `${MOST_WAITING} queries wait for ${this.where} already`);
    }
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      if (/^timeout exceeded/.test(messageOf(error))) {
        const words = `all ${poolSize} connections to ${this.where} were busy for ${connectTimeoutMs / 1_000} s; look for slow queries, or raise relational.poolSize`;
        throw new LinesideError('STORE_BUSY', 'outside', words, { cause: error });
      }
      if (!isAway(error)) throw error;
      onContact(error);
      throw this.#unreachable(error);
    }
    let known = this.#clients.get(client);
    if (!known) {
      known = this.#wrap(client);
      this.#clients.set(client, known);
    }
    return known;
  }

  async end(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }

  #wrap(client: pg.PoolClient): PostgresPoolClient {
    const { onContact, statementTimeoutMs } = this.#options;
    // Between two queries of a transaction nobody else listens, and an error that nobody hears ends the process.
    client.on('error', (error) => onContact(error));
    const query = async (sql: string, parameters: readonly unknown[]): Promise<unknown> => {
      // A server that hangs, or a network that swallows everything: ending the connection ends the query.
      let waiting = true;
      const deadline = setTimeout(
        // It may be this process that hung: what has come meanwhile is read first.
        () => setImmediate(() => waiting && void ended(client)),
        statementTimeoutMs + Math.min(statementTimeoutMs, GRACE_MS),
      );
      try {
        const result = await client.query(sql, parameters as unknown[]);
        onContact(undefined);
        return result;
      } catch (error) {
        if (!isAway(error)) throw error;
        onContact(error);
        throw this.#unreachable(error);
      } finally {
        waiting = false;
        clearTimeout(deadline);
      }
    };
    return {
      query: query as PostgresPoolClient['query'],
      release: (destroy) => client.release(destroy),
    };
  }

  #unreachable(cause: unknown): LinesideError {
    return new LinesideError('STORE_UNREACHABLE', 'outside', `${this.where}: ${messageOf(cause)}`, { cause });
  }
}

/** With a query under way it cuts the connection, and so fails the query. */
async function ended(client: pg.PoolClient): Promise<void> {
  await (client as pg.PoolClient & { end(): Promise<void> }).end().catch(() => undefined);
}

const getTypeParser: typeof pg.types.getTypeParser = ((oid: number, format?: 'text' | 'binary') =>
  oid === INT8 && format !== 'binary' ? safeInteger : pg.types.getTypeParser(oid, format as 'text')) as never;
