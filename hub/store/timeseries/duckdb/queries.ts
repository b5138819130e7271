/** The questions that the store answers, as SQL. Times cross as epoch milliseconds: DuckDB never sees a time zone. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { checkBuckets, MAX_RANGE, whole } from '../query-bounds.ts';
import type { Summary } from '../summary.ts';
import type { LastSample, StoredSample, TagCount } from '../time-series.ts';
import { summariesOf } from './rollups.ts';
import { KIND } from './sample-writer.ts';

/** How far back to look for the sample before a range, in steps; each step reads only the row groups it must. */
const LOOK_BACK_MS = [60_000, 3_600_000, 86_400_000, 30 * 86_400_000];

const SAMPLE = 'at_ms::DOUBLE, value, text, kind, quality';

export async function lastSamples(connection: DuckDBConnection): Promise<LastSample[]> {
  return newestSamples(connection, '');
}

/** Of each tag the newest sample with `at` before a time. */
export async function samplesBefore(
  connection: DuckDBConnection,
  tags: readonly number[],
  before: number,
): Promise<Map<number, StoredSample>> {
  const found = new Map<number, StoredSample>();
  let missing = [...tags];
  let to = ms(before);
  for (const back of [...LOOK_BACK_MS, undefined]) {
    if (missing.length === 0) break;
    const from = back === undefined ? undefined : ms(before) - BigInt(back);
    const since = from === undefined ? '' : `AND at_ms >= ${from}`;
    const where = `WHERE tag IN (${missing.map(ms).join(',')}) AND at_ms < ${to} ${since}`;
    for (const { tag, ...sample } of await newestSamples(connection, where)) found.set(tag, sample);
    missing = missing.filter((tag) => !found.has(tag));
    if (from !== undefined) to = from;
  }
  return found;
}

/** @param where which samples are meant, in numbers of ours */
async function newestSamples(connection: DuckDBConnection, where: string): Promise<LastSample[]> {
  // Two passes: the first reads two columns; the second reads the others only where the newest times are.
  const columns = await rows(
    connection,
    `WITH newest AS (SELECT tag, max(at_ms) AS at_ms FROM samples ${where} GROUP BY tag),
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

/** Samples of several tags with from <= at < to, each tag's as `sampleRange` gives them. */
export async function sampleRanges(
  connection: DuckDBConnection,
  tags: number[],
  from: number,
  to: number,
  limit = MAX_RANGE,
): Promise<Map<number, StoredSample[]>> {
  if (tags.length === 0) return new Map();
  const columns = await rows(
    connection,
    `SELECT ${SAMPLE}, tag FROM samples WHERE tag IN (${tags.map(ms).join(',')}) AND at_ms >= $1 AND at_ms < $2
     ${limit < MAX_RANGE ? `QUALIFY row_number() OVER (PARTITION BY tag ORDER BY at_ms, rowid) <= ${ms(limit)}` : ''}
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

/** What counts in a calculation: the number of a sample, or null. Good is the severity 00 (OPC 10000-4, 7.39.1). */
const NUMBER = `CASE WHEN kind IN (${KIND.number}, ${KIND.boolean}) AND quality < ${0x4000_0000} AND isfinite(value)
                THEN value END`;

/** Summaries as TimeSeriesStore.summaries gives them; the parts for a mean over time take a sort more. */
export async function summaryRanges(
  connection: DuckDBConnection,
  tags: number[],
  from: number,
  to: number,
  stepMs: number,
  timeWeighted: boolean,
): Promise<Map<number, Summary[]>> {
  checkBuckets(tags.length, from, to, stepMs);
  const next = timeWeighted ? 'lead(at_ms) OVER (PARTITION BY tag, begin ORDER BY at_ms, place)' : 'NULL::BIGINT';
  const columns = await rows(
    connection,
    `SELECT tag, begin::DOUBLE, count(*)::DOUBLE, count(number)::DOUBLE, coalesce(sum(number), 0), min(number), max(number),
            arg_min(number, (at_ms, place)), arg_max(number, (at_ms, place)), min(at_ms)::DOUBLE, max(at_ms)::DOUBLE,
            ${timeWeighted ? 'arg_max_null(number, (at_ms, place))' : 'NULL::DOUBLE'},
            coalesce(sum(number * (next - at_ms)), 0), coalesce(sum(next - at_ms) FILTER (number IS NOT NULL), 0)::DOUBLE
     FROM (SELECT *, ${next} AS next
           FROM (SELECT tag, at_ms, rowid AS place, ${NUMBER} AS number, $1 + ((at_ms - $1) // $3) * $3 AS begin
                 FROM samples WHERE tag IN (${tags.map(ms).join(',')}) AND at_ms >= $1 AND at_ms < $2))
     GROUP BY tag, begin ORDER BY tag, begin`,
    [ms(from), ms(to), BigInt(stepMs)],
  );
  return summariesOf(columns);
}

export async function oldestFrom(connection: DuckDBConnection, from: number): Promise<number | undefined> {
  const [at] = await rows(connection, 'SELECT min(at_ms)::DOUBLE FROM samples WHERE at_ms >= $1', [ms(from)]);
  return (at?.[0] as number | null) ?? undefined;
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

/** How many samples each tag has with from <= at < to; only tags that have some. */
export async function countRanges(
  connection: DuckDBConnection,
  tags: readonly number[],
  from: number,
  to: number,
): Promise<Map<number, number>> {
  const [ids = [], counts = []] = (await rows(
    connection,
    `SELECT tag, count(*)::DOUBLE FROM samples
     WHERE tag IN (${tags.map(ms).join(',')}) AND at_ms >= $1 AND at_ms < $2 GROUP BY tag`,
    [ms(from), ms(to)],
  )) as number[][];
  return new Map(ids.map((tag, i) => [tag, counts[i]!]));
}

export async function countSamples(connection: DuckDBConnection, tags?: number[]): Promise<number> {
  if (tags?.length === 0) return 0;
  const where = tags ? ` WHERE tag IN (${tags.map((tag) => ms(tag)).join(',')})` : '';
  const columns = await rows(connection, `SELECT count(*)::DOUBLE FROM samples${where}`);
  return columns[0]?.[0] as number;
}

/** Within a transaction. */
export async function deleteRange(
  connection: DuckDBConnection,
  tags: number[],
  from: number,
  to: number,
): Promise<void> {
  await connection.run(
    `DELETE FROM samples WHERE tag IN (${tags.map(ms).join(',')}) AND at_ms >= $1 AND at_ms < $2`,
    [ms(from), ms(to)],
  );
}

/** Within a transaction. Of each tag the newest before the time stays. */
export async function deleteBefore(connection: DuckDBConnection, before: number): Promise<void> {
  await connection.run(
    `DELETE FROM samples USING (SELECT tag, max(at_ms) AS newest FROM samples WHERE at_ms < $1 GROUP BY tag) kept
     WHERE samples.tag = kept.tag AND samples.at_ms < kept.newest`,
    [ms(before)],
  );
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
  return BigInt(whole(value));
}
