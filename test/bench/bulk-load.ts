/** The same samples straight into a time-series store by its own bulk path, with nothing of the hub before it. */
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  BIGINT,
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  INTEGER,
  UINTEGER,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import type { SampleColumns } from '../../hub/store/timeseries/time-series.ts';
import type { InfluxDb } from '../services/influxdb.ts';

const ROWS = 2_048;
/** A quarter of a million rows. */
const CHUNKS_A_COMMIT = 122;
/** As InfluxDB's own documents advise it: 5,000 to 10,000. */
const LINES_A_REQUEST = 10_000;
const REQUESTS_AT_ONCE = 2;

/** DuckDB's appender, a data chunk at a time, durable at each commit. @returns samples a second */
export async function bulkDuckDb(
  dir: string,
  records: readonly SampleColumns[],
  signal: AbortSignal,
): Promise<number> {
  const options = { memory_limit: '512MB', threads: '1' };
  const instance = await DuckDBInstance.create(join(dir, 'bulk.duckdb'), options);
  const connection = await instance.connect();
  try {
    await connection.run(
      `CREATE TABLE samples (tag INTEGER, at_ms ${BIGINT}, value DOUBLE, text VARCHAR, kind UTINYINT, quality UINTEGER)`,
    );
    const appender = await connection.createAppender('samples');
    const types = [INTEGER, DOUBLE, DOUBLE, VARCHAR, UTINYINT, UINTEGER];
    const chunk = DuckDBDataChunk.create(types, ROWS);
    chunk.setColumnValues(3, new Array(ROWS).fill(null));
    const begun = performance.now();
    await connection.run('BEGIN');
    const [tag, time, number, , kind, code] = types.map((_, column) => chunk.getColumnVector(column));
    let row = 0;
    let chunks = 0;
    for (const { tags, at, values, quality } of records) {
      for (let i = 0; i < tags.length; i++) {
        const value = values.at(i);
        tag!.setItem(row, tags[i]!);
        time!.setItem(row, at[i]!);
        number!.setItem(row, Number(value));
        kind!.setItem(row, typeof value === 'boolean' ? 2 : 1);
        code!.setItem(row, quality[i]!);
        if (++row < ROWS) continue;
        for (const column of [tag, time, number, kind, code]) column!.flush();
        appender.appendDataChunk(chunk);
        row = 0;
        if (++chunks % CHUNKS_A_COMMIT !== 0) continue;
        appender.flushSync();
        await connection.run('COMMIT');
        await connection.run('BEGIN');
        signal.throwIfAborted();
      }
    }
    // What does not fill a chunk is left out.
    appender.flushSync();
    await connection.run('COMMIT');
    const seconds = (performance.now() - begun) / 1_000;
    appender.closeSync();
    return (chunks * ROWS) / seconds;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Line protocol over bare HTTP in large compressed batches. @returns samples a second */
export async function bulkInflux(
  server: InfluxDb,
  records: readonly SampleColumns[],
  signal: AbortSignal,
): Promise<number> {
  await server.query('CREATE DATABASE bulk');
  const compress = promisify(gzip);
  const begun = performance.now();
  let next = 0;
  let total = 0;
  const post = async (lines: string[]) => {
    const body = await compress(lines.join('\n'), { level: 1 });
    const answer = await fetch(`${server.url}/write?db=bulk&precision=ms`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body,
      signal,
    });
    if (answer.status !== 204) throw new Error(`InfluxDB answers ${answer.status}: ${await answer.text()}`);
  };
  const work = async () => {
    while (next < records.length) {
      const lines: string[] = [];
      while (next < records.length && lines.length < LINES_A_REQUEST) {
        const { tags, at, values } = records[next++]!;
        for (let i = 0; i < tags.length; i++) {
          const value = values.at(i);
          lines.push(`samples,tag=${tags[i]} ${typeof value === 'boolean' ? `b=${value}` : `n=${value}`} ${at[i]}`);
        }
      }
      total += lines.length;
      await post(lines);
      await turn();
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work));
  return total / ((performance.now() - begun) / 1_000);
}
