/** A few connections for queries, so that a long one does not hold up a short one or the appends. */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/** Each running query holds a thread of libuv's pool (four by default); files and DNS need the others. */
const MAX_READERS = 2;
const MAX_WAITING = 1_000;

export class ReaderPool {
  readonly #instance: DuckDBInstance;
  readonly #idle: DuckDBConnection[] = [];
  readonly #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #free = MAX_READERS;
  #closed = false;
  readonly #drained: (() => void)[] = [];

  constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  /**
   * Runs `query` with a connection of its own.
   *
   * @throws LinesideError `STORE_BUSY` when a thousand queries wait already, `STORE_CLOSED` after `close`.
   */
  async use<T>(query: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    if (this.#closed) throw closed();
    if (this.#free > 0) this.#free--;
    else await this.#turn();
    let connection: DuckDBConnection | undefined;
    try {
      connection = this.#idle.pop() ?? (await this.#instance.connect());
      return await query(connection);
    } finally {
      if (connection) this.#idle.push(connection);
      this.#release();
    }
  }

  /** Waits for running queries, rejects those that have not begun, and closes the connections. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closed());
    await this.idle();
    for (const connection of this.#idle.splice(0)) connection.closeSync();
  }

  /** Resolves when no query runs or waits. */
  async idle(): Promise<void> {
    if (this.#free < MAX_READERS) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) {
      throw new LinesideError(
        'STORE_BUSY',
        'outside',
        `${MAX_WAITING} queries already wait for the time-series store. Try again later, or ask for shorter ranges.`,
      );
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else if (++this.#free === MAX_READERS) for (const drained of this.#drained.splice(0)) drained();
  }
}

function closed(): LinesideError {
  return new LinesideError('STORE_CLOSED', 'bug', 'The time-series store is closed.');
}
