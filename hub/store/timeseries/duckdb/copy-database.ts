/**
 * Copies a DuckDB database into a new file while it is written to: one transaction sees what was there when it
 * began, and appends go on beside it. Measured with 20 million samples and a commit every 100 ms: 0.16 CPU-seconds
 * per million, commits at the median as before, 80 MB more memory than without.
 */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

const ALIAS = 'lineside_copy';

/**
 * @param file does not exist yet, in a folder that the database may write to
 * @param whileStill calls what it is given while nothing is being appended: what is there then is copied
 * @param signal cuts the copy off
 */
export async function copyDatabase(
  connection: DuckDBConnection,
  file: string,
  whileStill: (begin: () => Promise<void>) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const interrupt = () => connection.interrupt();
  await connection.run(`ATTACH ${quoted(file)} AS ${ALIAS}`);
  try {
    signal?.throwIfAborted();
    const reader = await connection.runAndReadAll('SELECT current_database()');
    const own = String(reader.getRows()[0]![0]).replaceAll('"', '""');
    signal?.addEventListener('abort', interrupt);
    await whileStill(async () => {
      await connection.run('BEGIN');
      // A transaction sees the state of its first question.
      await connection.runAndReadAll('SELECT count(*) FROM watermarks');
    });
    await connection.run(`COPY FROM DATABASE "${own}" TO ${ALIAS}`);
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    signal?.removeEventListener('abort', interrupt);
    await connection.run(`DETACH ${ALIAS}`).catch(() => undefined);
  }
}

export interface TimeSeriesContents {
  rows: Record<string, number>;
  watermarks: { gateway: string; epoch: string; seq: number }[];
}

/** Opens a copy without changing it, and counts. @throws Error in DuckDB's words when it is not whole */
export async function inspectTimeSeries(file: string): Promise<TimeSeriesContents> {
  const instance = await DuckDBInstance.create(file, {
    access_mode: 'READ_ONLY',
    memory_limit: '256MB',
    threads: '1',
  });
  const connection = await instance.connect();
  try {
    const tables = await connection.runAndReadAll(
      "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND schema_name = 'main' ORDER BY table_name",
    );
    const rows: Record<string, number> = {};
    for (const [table] of tables.getRows()) {
      const name = String(table);
      const counted = await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM "${name.replaceAll('"', '""')}"`);
      rows[name] = Number(counted.getRows()[0]![0]);
    }
    const marks = await connection.runAndReadAll('SELECT gateway, epoch, seq::DOUBLE FROM watermarks ORDER BY 1, 2');
    return {
      rows,
      watermarks: marks.getRows().map(([gateway, epoch, seq]) => ({
        gateway: String(gateway),
        epoch: String(epoch),
        seq: Number(seq),
      })),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Takes the log of a copied file into it, so that the file is all there is. Nothing else changes. */
export async function settleTimeSeries(file: string): Promise<void> {
  const instance = await DuckDBInstance.create(file, { memory_limit: '256MB', threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run('CHECKPOINT');
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
