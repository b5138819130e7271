/** The past of tags in buckets: from summaries that are kept where there are some, else from the samples themselves. */
import type { RetentionConfig } from './config.ts';
import { rawFrom } from './retention.ts';
import {
  HOUR_MS,
  hourOf,
  MINUTE_MS,
  ROLLUP_LEVELS,
  type RollupLevel,
  SECOND_MS,
  SECONDS_FROM_SAMPLES,
} from './rollup-levels.ts';
import { type Bucket, bucketsOf, combine, numberOf, type Summary } from './summary.ts';
import type { TimeSeriesStore } from './time-series.ts';

export interface HistoryQuery {
  tags: number[];
  from: number;
  to: number;
  /** Length of a bucket; the first one begins at `from`. */
  stepMs: number;
  /** Whether `timeWeightedMean` is wanted; without it, it may be the mean. */
  timeWeighted: boolean;
}

/** Where a part of the time is read. */
interface Segment {
  from: number;
  to: number;
  source: RollupLevel | 'samples';
}

/**
 * The buckets that have a sample, by time, of each tag that has one. Where summaries of this length are gone and only
 * longer ones are kept, each stands at its beginning.
 *
 * @throws LinesideError STORE_BAD_QUERY when there would be too many
 */
export async function bucketHistory(
  store: TimeSeriesStore,
  query: HistoryQuery,
  retention: RetentionConfig,
  now: number,
): Promise<Map<number, Bucket[]>> {
  const { tags, from, to, stepMs, timeWeighted } = query;
  const level = ROLLUP_LEVELS.find((length) => stepMs % length === 0 && from % length === 0);
  const plans = await plan(store, query, level, rawFrom(retention, now));
  const found = new Map<number, Bucket[]>();
  for (const { tags: some, segments } of plans) {
    const parts = new Map<number, Summary[]>();
    for (const segment of segments) {
      const step = level === undefined || segments.length === 1 ? stepMs : level;
      const read =
        segment.source === 'samples'
          ? await store.summaries(some, segment.from, segment.to, step, timeWeighted)
          : await store.rollups.read(some, segment.from, segment.to, segment.source);
      for (const [tag, summaries] of read) {
        const before = parts.get(tag);
        if (before) for (const summary of summaries) before.push(summary);
        else parts.set(tag, summaries);
      }
    }
    for (const [tag, summaries] of parts) {
      const [held] = timeWeighted ? await store.range(tag, from, from, { before: true, limit: 1 }) : [];
      const until = Math.min(to, now);
      found.set(tag, bucketsOf(combine(summaries, from, stepMs), stepMs, held ? numberOf(held) : null, until));
    }
  }
  return new Map(tags.flatMap((tag) => (found.has(tag) ? [[tag, found.get(tag)!] as const] : [])));
}

/** Tags whose time is read in the same way, together. */
async function plan(
  store: TimeSeriesStore,
  { tags, from, to }: HistoryQuery,
  level: RollupLevel | undefined,
  samplesFrom: number,
): Promise<{ tags: number[]; segments: Segment[] }[]> {
  const { rollups } = store;
  const until = level === undefined ? 0 : await rollups.until();
  if (level === undefined || until <= from) return [{ tags, segments: [{ from, to, source: 'samples' }] }];
  const late = new Set(
    (await rollups.late({ tags, from: hourOf(from), to })).map(({ tag, hour }) => `${tag} ${hour}`),
  );
  const hours = level === SECOND_MS ? await rollups.read(tags, hourOf(from), to, HOUR_MS) : undefined;
  const plans = new Map<string, { tags: number[]; segments: Segment[] }>();
  for (const tag of tags) {
    const fast = new Set((hours?.get(tag) ?? []).filter((h) => h.count > SECONDS_FROM_SAMPLES).map(({ at }) => at));
    const segments: Segment[] = [];
    for (let hour = hourOf(from); hour < to; hour += HOUR_MS) {
      const gone = hour < samplesFrom;
      const kept = hour + HOUR_MS <= until && (gone || !late.has(`${tag} ${hour}`));
      const there = level !== SECOND_MS || fast.has(hour);
      const source = kept && there ? level : gone ? MINUTE_MS : 'samples';
      const last = segments.at(-1);
      if (last && last.source === source) last.to = Math.min(to, hour + HOUR_MS);
      else segments.push({ from: Math.max(from, hour), to: Math.min(to, hour + HOUR_MS), source });
    }
    const ends = endOnWhole(segments, level);
    const key = ends.map((segment) => `${segment.from} ${segment.to} ${segment.source}`).join();
    const same = plans.get(key);
    if (same) same.tags.push(tag);
    else plans.set(key, { tags: [tag], segments: ends });
  }
  return [...plans.values()];
}

/** A summary that reaches beyond the end would bring what is behind it: the rest is read from the samples. */
function endOnWhole(segments: Segment[], level: RollupLevel): Segment[] {
  const last = segments.at(-1);
  if (!last || last.source === 'samples' || last.to % level === 0) return segments;
  const to = Math.floor(last.to / level) * level;
  const rest: Segment = { from: Math.max(last.from, to), to: last.to, source: 'samples' };
  return to > last.from ? [...segments.slice(0, -1), { ...last, to }, rest] : [...segments.slice(0, -1), rest];
}
