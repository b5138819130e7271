/** Summaries in DuckDB: a table for each length, and one of hours that are late. */
import {
  BIGINT,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  UINTEGER,
} from '@duckdb/node-api';
import { whole } from '../query-bounds.ts';
import { HOUR_MS, MINUTE_MS, type RollupLevel, SECOND_MS } from '../rollup-levels.ts';
import type { Summary } from '../summary.ts';
import type { LateHour, RollupStore } from '../time-series.ts';

const TABLES: Record<RollupLevel, string> = {
  [SECOND_MS]: 'rollup_seconds',
  [MINUTE_MS]: 'rollup_minutes',
  [HOUR_MS]: 'rollup_hours',
};
const COLUMNS: [name: keyof Summary, column: string, type: DuckDBType][] = [
  ['at', 'at_ms', DOUBLE],
  ['count', 'samples', UINTEGER],
  ['good', 'good', UINTEGER],
  ['sum', 'sum', DOUBLE],
  ['min', 'min', DOUBLE],
  ['max', 'max', DOUBLE],
  ['first', 'first', DOUBLE],
  ['last', 'last', DOUBLE],
  ['firstAt', 'first_at', DOUBLE],
  ['lastAt', 'last_at', DOUBLE],
  ['carry', 'carry', DOUBLE],
  ['area', 'area', DOUBLE],
  ['coveredMs', 'covered_ms', DOUBLE],
];
const ROWS = 2_048;

export const CREATE_ROLLUPS = [
  ...Object.values(TABLES).map(
    (table) => `CREATE TABLE IF NOT EXISTS ${table} (tag INTEGER NOT NULL, at_ms ${BIGINT} NOT NULL,
      samples UINTEGER NOT NULL, good UINTEGER NOT NULL, sum DOUBLE NOT NULL, min DOUBLE, max DOUBLE, first DOUBLE,
      last DOUBLE, first_at ${BIGINT} NOT NULL, last_at ${BIGINT} NOT NULL, carry DOUBLE, area DOUBLE NOT NULL,
      covered_ms DOUBLE NOT NULL)`,
  ),
  'CREATE TABLE IF NOT EXISTS rolled_until (at_ms BIGINT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS late_hours (tag INTEGER NOT NULL, hour BIGINT NOT NULL, stamp BIGINT NOT NULL)',
];

export interface DuckDbAccess {
  /** With a connection for queries. */
  read<T>(query: (connection: DuckDBConnection) => Promise<T>): Promise<T>;
  /** In one transaction, after all that was asked for before. */
  change(work: (connection: DuckDBConnection) => Promise<void>): Promise<void>;
}

export class DuckDbRollups implements RollupStore {
  readonly #access: DuckDbAccess;

  constructor(access: DuckDbAccess) {
    this.#access = access;
  }

  async read(tags: number[], from: number, to: number, level: RollupLevel): Promise<Map<number, Summary[]>> {
    if (tags.length === 0) return new Map();
    const names = COLUMNS.map(([, column]) => `${column}::DOUBLE`).join(', ');
    return this.#access.read(async (connection) => {
      const result = await connection.runAndReadAll(
        `SELECT tag, ${names} FROM ${TABLES[level]} WHERE tag IN (${list(tags)}) AND ${within('at_ms', from, to)} ORDER BY tag, at_ms`,
      );
      return summariesOf(result.getColumns());
    });
  }

  async put(
    tags: number[],
    from: number,
    to: number,
    level: RollupLevel,
    summaries: Map<number, Summary[]>,
  ): Promise<void> {
    if (tags.length === 0) return;
    const rows = [...summaries].flatMap(([tag, of]) => of.map((summary) => ({ tag, ...summary })));
    await this.#access.change(async (connection) => {
      await connection.run(
        `DELETE FROM ${TABLES[level]} WHERE tag IN (${list(tags)}) AND ${within('at_ms', from, to)}`,
      );
      const appender = await connection.createAppender(TABLES[level]);
      for (let i = 0; i < rows.length; i += ROWS) {
        const some = rows.slice(i, i + ROWS);
        const chunk = DuckDBDataChunk.create([INTEGER, ...COLUMNS.map(([, , type]) => type)], some.length);
        chunk.setColumnValues(
          0,
          some.map(({ tag }) => tag),
        );
        for (const [column, [name]] of COLUMNS.entries()) {
          const values = some.map((row) => row[name]);
          chunk.setColumnValues(column + 1, values);
        }
        appender.appendDataChunk(chunk);
      }
      appender.flushSync();
      appender.closeSync();
    });
  }

  async until(): Promise<number> {
    return this.#access.read(async (connection) => {
      const result = await connection.runAndReadAll('SELECT max(at_ms)::DOUBLE FROM rolled_until');
      return (result.getRows()[0]?.[0] as number | null) ?? 0;
    });
  }

  async setUntil(at: number): Promise<void> {
    await this.#access.change(async (connection) => {
      await connection.run('DELETE FROM rolled_until');
      await connection.run(`INSERT INTO rolled_until VALUES (${whole(at)})`);
    });
  }

  async late(of?: { tags: number[]; from: number; to: number }): Promise<LateHour[]> {
    if (of?.tags.length === 0) return [];
    const where = of ? ` WHERE tag IN (${list(of.tags)}) AND ${within('hour', of.from, of.to)}` : '';
    return this.#access.read(async (connection) => {
      const result = await connection.runAndReadAll(
        `SELECT DISTINCT tag, hour::DOUBLE, stamp::DOUBLE FROM late_hours${where} ORDER BY ALL`,
      );
      return (result.getRows() as number[][]).map(([tag, hour, stamp]) => ({
        tag: tag!,
        hour: hour!,
        stamp: stamp!,
      }));
    });
  }

  async clearLate(hours: LateHour[]): Promise<void> {
    if (hours.length === 0) return;
    const values = hours.map(({ tag, hour, stamp }) => `(${whole(tag)}, ${whole(hour)}, ${whole(stamp)})`).join();
    await this.#access.change(async (connection) => {
      await connection.run(`DELETE FROM late_hours WHERE (tag, hour, stamp) IN (${values})`);
    });
  }

  async expire(before: number, level: RollupLevel): Promise<void> {
    await this.#access.change(async (connection) => {
      await connection.run(`DELETE FROM ${TABLES[level]} WHERE at_ms < ${whole(before)}`);
    });
  }
}

/** Within a transaction of an append or a deletion. */
export async function markLate(connection: DuckDBConnection, hours: LateHour[]): Promise<void> {
  if (hours.length === 0) return;
  // Gateways that catch up mark thousands at once: as a statement, planning them took longer than storing the samples.
  const appender = await connection.createAppender('late_hours');
  try {
    for (let i = 0; i < hours.length; i += ROWS) {
      const some = hours.slice(i, i + ROWS);
      const chunk = DuckDBDataChunk.create([INTEGER, DOUBLE, DOUBLE], some.length);
      chunk.setColumns([some.map(({ tag }) => tag), some.map(({ hour }) => hour), some.map(({ stamp }) => stamp)]);
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
}

/** Deletes the summaries of all hours that the time touches. Within a transaction. */
export async function dropRollups(
  connection: DuckDBConnection,
  tags: number[],
  from: number,
  to: number,
): Promise<void> {
  const [first, last] = [Math.floor(from / HOUR_MS) * HOUR_MS, Math.ceil(to / HOUR_MS) * HOUR_MS];
  for (const table of Object.values(TABLES)) {
    await connection.run(`DELETE FROM ${table} WHERE tag IN (${list(tags)}) AND ${within('at_ms', first, last)}`);
  }
}

/** @param columns the tag, then those of a summary in their order */
export function summariesOf(columns: DuckDBValue[][]): Map<number, Summary[]> {
  const [tags = [], ...values] = columns;
  const found = new Map<number, Summary[]>();
  for (let i = 0; i < tags.length; i++) {
    const summary = Object.fromEntries(
      COLUMNS.map(([name], column) => [name, values[column]![i]]),
    ) as unknown as Summary;
    const before = found.get(tags[i] as number);
    if (before) before.push(summary);
    else found.set(tags[i] as number, [summary]);
  }
  return found;
}

function within(column: string, from: number, to: number): string {
  return `${column} >= ${whole(from)} AND ${column} < ${whole(to)}`;
}

function list(tags: number[]): string {
  return tags.map(whole).join();
}
