/** The questions that the store answers, as SQL. Times cross as epoch milliseconds: DuckDB never sees a time zone. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Bucket, LastSample, StoredSample, TagCount } from '../time-series.ts';
import { KIND } from './sample-writer.ts';

export const MAX_RANGE = 1_000_000;
const MAX_BUCKETS = 100_000;
/** How far back to look for the sample before a range, in steps; each step reads only the row groups it must. */
const LOOK_BACK_MS = [60_000, 3_600_000, 86_400_000, 30 * 86_400_000];

const SAMPLE = 'at_ms::DOUBLE, value, text, kind, quality';

export async function lastSamples(connection: DuckDBConnection): Promise<LastSample[]> {
  // Two passes: the first reads two columns; the second reads the others only where the newest times are.
  const columns = await rows(
    connection,
    `WITH newest AS (SELECT tag, max(at_ms) AS at_ms FROM samples GROUP BY tag),
          place AS (SELECT max(s.rowid) AS place FROM samples s JOIN newest USING (tag, at_ms) GROUP BY tag)
     SELECT ${SAMPLE}, tag FROM samples WHERE rowid IN (SELECT place FROM place) ORDER BY tag`,
  );
  const tags = (columns[5] ?? []) as number[];
  return samplesOf(columns).map((sample, i) => ({ tag: tags[i] as number, ...sample }));
}

export async function sampleRange(
  connection: DuckDBConnection,
  tag: number,
  from: number,
  to: number,
  limit: number,
): Promise<StoredSample[]> {
  return samplesOf(
    await rows(
      connection,
      `SELECT ${SAMPLE} FROM samples WHERE tag = $1 AND at_ms >= $2 AND at_ms < $3 ORDER BY at_ms, rowid LIMIT $4`,
      [tag, ms(from), ms(to), BigInt(limit)],
    ),
  );
}

/** Samples of several tags with from <= at < to, each tag's as `sampleRange` gives them; a million of each at most. */
export async function sampleRanges(
  connection: DuckDBConnection,
  tags: number[],
  from: number,
  to: number,
): Promise<Map<number, StoredSample[]>> {
  const columns = await rows(
    connection,
    `SELECT ${SAMPLE}, tag FROM samples WHERE tag IN (${tags.map(ms).join(',')}) AND at_ms >= $1 AND at_ms < $2
     ORDER BY at_ms, rowid`,
    [ms(from), ms(to)],
  );
  const found = new Map<number, StoredSample[]>();
  samplesOf(columns).forEach((sample, i) => {
    const tag = columns[5]![i] as number;
    const samples = found.get(tag);
    if (!samples) found.set(tag, [sample]);
    else if (samples.length < MAX_RANGE) samples.push(sample);
  });
  return found;
}

/** The newest sample with `at` before a time; undefined when there is none. */
export async function sampleBefore(
  connection: DuckDBConnection,
  tag: number,
  before: number,
): Promise<StoredSample | undefined> {
  let to = ms(before);
  for (const back of [...LOOK_BACK_MS, undefined]) {
    const from = back === undefined ? undefined : ms(before) - BigInt(back);
    const found = samplesOf(
      await rows(
        connection,
        `SELECT ${SAMPLE} FROM samples WHERE tag = $1 AND at_ms < $2 ${from === undefined ? '' : 'AND at_ms >= $3'}
         ORDER BY at_ms DESC, rowid DESC LIMIT 1`,
        from === undefined ? [tag, to] : [tag, to, from],
      ),
    );
    if (found.length > 0) return found[0];
    if (from !== undefined) to = from;
  }
  return undefined;
}

export async function bucketRange(
  connection: DuckDBConnection,
  tag: number,
  from: number,
  to: number,
  stepMs: number,
): Promise<Bucket[]> {
  if (!Number.isSafeInteger(stepMs) || stepMs <= 0) {
    throw badQuery(`a bucket of ${stepMs} ms; it must be a whole number of milliseconds above 0`);
  }
  if ((to - from) / stepMs > MAX_BUCKETS) {
    throw badQuery(`${Math.ceil((to - from) / stepMs)} buckets; at most ${MAX_BUCKETS} are given: use a longer step`);
  }
  // Good is the severity 00 in the two highest bits (OPC 10000-4, 7.39.1).
  const good = `kind IN (${KIND.number}, ${KIND.boolean}) AND quality < ${0x4000_0000} AND isfinite(value)`;
  const [at, mean, min, max, count] = (await rows(
    connection,
    `SELECT ($2 + ((at_ms - $2) // $4) * $4)::DOUBLE AS bucket, avg(value) FILTER (${good}),
            min(value) FILTER (${good}), max(value) FILTER (${good}), count(*)::DOUBLE
     FROM samples WHERE tag = $1 AND at_ms >= $2 AND at_ms < $3 GROUP BY bucket ORDER BY bucket`,
    [tag, ms(from), ms(to), BigInt(stepMs)],
  )) as [number[], (number | null)[], (number | null)[], (number | null)[], number[]];
  return (at ?? []).map((start, i) => ({
    at: start,
    mean: mean[i] ?? null,
    min: min[i] ?? null,
    max: max[i] ?? null,
    count: count[i] ?? 0,
  }));
}

export async function countPerTag(connection: DuckDBConnection, from: number, to: number): Promise<TagCount[]> {
  const [tag = [], samples = [], first = [], last = []] = (await rows(
    connection,
    `SELECT tag, count(*)::DOUBLE, min(at_ms)::DOUBLE, max(at_ms)::DOUBLE
     FROM samples WHERE at_ms >= $1 AND at_ms < $2 GROUP BY tag ORDER BY tag`,
    [ms(from), ms(to)],
  )) as number[][];
  return tag.map((id, i) => ({ tag: id, samples: samples[i]!, firstAt: first[i]!, lastAt: last[i]! }));
}

export async function countSamples(connection: DuckDBConnection, tags?: number[]): Promise<number> {
  if (tags?.length === 0) return 0;
  const where = tags ? ` WHERE tag IN (${tags.map((tag) => ms(tag)).join(',')})` : '';
  const columns = await rows(connection, `SELECT count(*)::DOUBLE FROM samples${where}`);
  return columns[0]?.[0] as number;
}

async function rows(connection: DuckDBConnection, sql: string, values?: DuckDBValue[]): Promise<DuckDBValue[][]> {
  const result = values ? await connection.runAndReadAll(sql, values) : await connection.runAndReadAll(sql);
  return result.getColumns();
}

function samplesOf(columns: DuckDBValue[][]): StoredSample[] {
  const [at = [], value = [], text = [], kind = [], quality = []] = columns;
  const samples: StoredSample[] = new Array(at.length);
  for (let i = 0; i < at.length; i++) {
    samples[i] = { at: at[i] as number, value: decode(kind[i], value[i], text[i]), quality: quality[i] as number };
  }
  return samples;
}

function decode(kind: unknown, value: unknown, text: unknown): Value {
  if (kind === KIND.number) return value as number;
  if (kind === KIND.boolean) return value === 1;
  if (kind === KIND.string) return text as string;
  return null;
}

function ms(value: number): bigint {
  if (!Number.isSafeInteger(value)) throw badQuery(`${value}, which is not a whole number`);
  return BigInt(value);
}

function badQuery(what: string): LinesideError {
  return new LinesideError('STORE_BAD_QUERY', 'peer', `The time-series store was asked for ${what}.`);
}
