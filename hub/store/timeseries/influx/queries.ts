/** The questions that the store answers, as InfluxQL. Numbers are the only things that stand in a statement as text. */
import { checkBuckets, whole } from '../query-bounds.ts';
import { Summarizer, type Summary } from '../summary.ts';
import type { LastSample, StoredSample, TagCount } from '../time-series.ts';
import type { InfluxHttp } from './influx-http.ts';
import { FIRST_MS, LAST_MS, nanoseconds, SAMPLE_FIELDS, sampleOf } from './line-protocol.ts';

const DAY_MS = 86_400_000;
const TAGS_A_STATEMENT = 500;
/** How far back to look for the sample before a range, in steps; each opens only the shards that it must. */
const LOOK_BACK_MS = [3_600_000, 86_400_000, 30 * 86_400_000];

export async function lastSamples(http: InfluxHttp): Promise<LastSample[]> {
  const last: LastSample[] = [];
  await http.query(
    `SELECT last(r), ${SAMPLE_FIELDS} FROM samples GROUP BY "tag"`,
    {},
    (_statement, { tags, values }) => {
      const [time, _r, ...fields] = values[0]!;
      last.push({ tag: Number(tags.tag), ...sampleOf([time, ...fields]) });
    },
  );
  return last.sort((a, b) => a.tag - b.tag);
}

/** Samples of tags with from <= at < to, each tag's by time; at most `limit` of each. */
export async function sampleRanges(
  http: InfluxHttp,
  tags: number[],
  from: number,
  to: number,
  limit: number,
): Promise<Map<number, StoredSample[]>> {
  const found = new Map<number, StoredSample[]>();
  if (to <= from) return found;
  for (const some of chunksOf(tags)) {
    await http.query(
      `SELECT ${SAMPLE_FIELDS} FROM samples WHERE ${tagIs(some)} AND ${timeIn(from, to)} GROUP BY "tag" LIMIT ${whole(limit)}`,
      {},
      (_statement, series) => {
        const tag = Number(series.tags.tag);
        const samples = found.get(tag) ?? [];
        for (const row of series.values) {
          const sample = sampleOf(row);
          if (sample.at >= from && sample.at < to) samples.push(sample);
        }
        found.set(tag, samples);
      },
    );
  }
  return found;
}

/** The newest sample with at < before. */
export async function sampleBefore(http: InfluxHttp, tag: number, before: number): Promise<StoredSample | undefined> {
  let to = before;
  for (const back of [...LOOK_BACK_MS, undefined]) {
    const from = back === undefined ? FIRST_MS : before - back;
    let found: StoredSample | undefined;
    await http.query(
      `SELECT ${SAMPLE_FIELDS} FROM samples WHERE ${tagIs([tag])} AND ${timeIn(from, to)} ORDER BY time DESC LIMIT 1`,
      {},
      (_statement, { values }) => {
        found = sampleOf(values[0]!);
      },
    );
    if (found) return found;
    to = from;
  }
  return undefined;
}

/**
 * Summaries as TimeSeriesStore.summaries gives them. Without the parts for a mean over time the server makes them; with
 * them they are made here, of samples that pass by: InfluxQL has no integral of values that hold.
 */
export async function summaryRanges(
  http: InfluxHttp,
  tags: number[],
  from: number,
  to: number,
  stepMs: number,
  timeWeighted: boolean,
): Promise<Map<number, Summary[]>> {
  checkBuckets(tags.length, from, to, stepMs);
  const found = new Map<number, Summary[]>();
  const makers = new Map<number, Summarizer>();
  for (const some of chunksOf(tags)) {
    const where = `FROM samples WHERE ${tagIs(some)} AND ${timeIn(from, to)} GROUP BY "tag"`;
    if (timeWeighted) {
      await http.query(`SELECT n, r ${where}`, {}, (_statement, { tags: { tag }, values }) => {
        let maker = makers.get(Number(tag));
        if (!maker) {
          maker = new Summarizer(from, stepMs);
          makers.set(Number(tag), maker);
        }
        for (const [at, number] of values as [number, number | null][]) maker.add(at, number);
      });
      continue;
    }
    await http.query(
      `SELECT count(r), count(n), sum(n), min(n), max(n), first(n), last(n) ${where},
       time(${stepMs}ms, ${((whole(from) % stepMs) + stepMs) % stepMs}ms) fill(none)`,
      {},
      (_statement, { tags: { tag }, values }) => {
        const of = found.get(Number(tag)) ?? [];
        for (const row of values) of.push(summaryOf(row));
        found.set(Number(tag), of);
      },
    );
  }
  for (const [tag, { summaries }] of makers) found.set(tag, summaries);
  return found;
}

function summaryOf(row: unknown[]): Summary {
  const [at, count, good, sum, min, max, first, last] = row as [number, ...(number | null)[]];
  return {
    ...{ at, count: count ?? 0, good: good ?? 0, sum: sum ?? 0, min: min ?? null, max: max ?? null },
    ...{ first: first ?? null, last: last ?? null, firstAt: at, lastAt: at, carry: null, area: 0, coveredMs: 0 },
  };
}

export async function oldestFrom(http: InfluxHttp, from: number): Promise<number | undefined> {
  let at: number | undefined;
  await http.query(`SELECT first(r) FROM samples WHERE ${timeIn(from, LAST_MS)}`, {}, (_statement, { values }) => {
    at = values[0]![0] as number;
  });
  return at;
}

export async function deleteRange(http: InfluxHttp, tags: number[], from: number, to: number): Promise<void> {
  for (const some of chunksOf(tags)) {
    await http.query(`DELETE FROM samples WHERE ${tagIs(some)} AND ${timeIn(from, to)}`, {}, () => undefined);
  }
}

/**
 * Of each tag the newest before the time stays. Those that have one of the last day before it, nearly all, are deleted
 * together up to there; the others one by one, where there is something to delete.
 */
export async function deleteBefore(http: InfluxHttp, before: number): Promise<void> {
  const where = `FROM samples WHERE ${timeBefore(before)} GROUP BY "tag"`;
  const newest = new Map<number, number>();
  const oldest = new Map<number, number>();
  await http.query(
    `SELECT last(r) ${where}; SELECT first(r) ${where}`,
    {},
    (statement, { tags: { tag }, values }) => {
      (statement === 0 ? newest : oldest).set(Number(tag), values[0]![0] as number);
    },
  );
  const active = before - DAY_MS;
  const quiet = [...newest].filter(([, at]) => at < active);
  const others = quiet.length > 0 ? ` AND "tag" !~ /^(?:${quiet.map(([tag]) => whole(tag)).join('|')})$/` : '';
  await http.query(`DELETE FROM samples WHERE ${timeBefore(active)}${others}`, {}, () => undefined);
  for (const [tag, at] of quiet) {
    if (oldest.get(tag)! < at) await deleteRange(http, [tag], FIRST_MS, at);
  }
}

export async function countPerTag(http: InfluxHttp, from: number, to: number): Promise<TagCount[]> {
  const where = `FROM samples WHERE ${timeIn(from, to)} GROUP BY "tag"`;
  const counts = new Map<number, TagCount>();
  await http.query(
    `SELECT count(r) ${where}; SELECT first(r) ${where}; SELECT last(r) ${where}`,
    {},
    (statement, { tags, values }) => {
      const tag = Number(tags.tag);
      const [time, value] = values[0] as [number, number];
      let count = counts.get(tag);
      if (!count) {
        count = { tag, samples: 0, firstAt: 0, lastAt: 0 };
        counts.set(tag, count);
      }
      if (statement === 0) count.samples = value;
      else if (statement === 1) count.firstAt = time;
      else count.lastAt = time;
    },
  );
  // What was stored between two of the statements is in the next look.
  return [...counts.values()].filter(({ samples }) => samples > 0).sort((a, b) => a.tag - b.tag);
}

export async function countSamples(http: InfluxHttp, tags?: number[]): Promise<number> {
  let sum = 0;
  for (const some of tags ? chunksOf(tags) : [undefined]) {
    const where = some ? `WHERE ${tagIs(some)}` : '';
    await http.query(`SELECT count(r) FROM samples ${where}`, {}, (_statement, { values }) => {
      sum += values[0]![1] as number;
    });
  }
  return sum;
}

/** Any of the tags, which are whole numbers. */
export function tagIs(tags: number[]): string {
  return tags.length === 1 ? `"tag" = '${whole(tags[0]!)}'` : `"tag" =~ /^(?:${tags.map(whole).join('|')})$/`;
}

export function timeIn(from: number, to: number): string {
  const first = Math.min(Math.max(whole(from), FIRST_MS), LAST_MS);
  const last = Math.min(Math.max(whole(to), FIRST_MS), LAST_MS + 1);
  return `time >= ${nanoseconds(first, 0)} AND time < ${nanoseconds(last, 0)}`;
}

export function timeBefore(before: number): string {
  return timeIn(FIRST_MS, before);
}

export function chunksOf(tags: number[]): number[][] {
  const chunks: number[][] = [];
  for (let i = 0; i < tags.length; i += TAGS_A_STATEMENT) chunks.push(tags.slice(i, i + TAGS_A_STATEMENT));
  return chunks;
}
