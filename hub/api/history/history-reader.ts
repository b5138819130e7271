/** Reads the past of tags for the API: as samples where they are few or asked for, else in buckets. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { RetentionConfig } from '../../store/timeseries/config.ts';
import { bucketHistory } from '../../store/timeseries/history.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../store/timeseries/rollup-levels.ts';
import type { Bucket } from '../../store/timeseries/summary.ts';
import type { StoredSample, TimeSeriesStore } from '../../store/timeseries/time-series.ts';

export interface HistoryAsk {
  from: number;
  to: number;
  /** About so many points; without `stepMs` and `raw`. */
  points: number;
  /** Length of the buckets, exactly. */
  stepMs?: number | undefined;
  /** Samples as they are, however many. */
  raw: boolean;
  timeWeighted: boolean;
}

/** How the past is given: `stepMs` of the buckets, null for samples. The first bucket begins at `from`. */
export interface Resolution {
  stepMs: number | null;
  from: number;
  /** All of them, where deciding has read them and they are no more than a block: a server is not asked twice. */
  samples?: Map<number, StoredSample[]>;
}

/** Samples, or buckets, of one tag that follow one another. */
export type HistoryBlock =
  | { tag: number; samples: StoredSample[]; buckets?: undefined }
  | { tag: number; buckets: Bucket[]; samples?: undefined };

/** Most samples of one answer; it is streamed, so this bounds the time and not the memory. */
const MOST_SAMPLES = 5_000_000;
const SAMPLES_A_BLOCK = 10_000;
/** Buckets that are read by one query. */
const BUCKETS_AT_ONCE = 50_000;
const MOST_BUCKETS_A_TAG = 100_000;
/** Steps that summaries are kept for, or whole numbers of them. */
const NICE_MS = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 12, 24, 48, 72, 168].map((hours) => hours * HOUR_MS),
];

/** @throws LinesideError RANGE_INVALID when more is asked for than one answer can have */
export async function resolve(store: TimeSeriesStore, tags: number[], ask: HistoryAsk): Promise<Resolution> {
  const { from, to, points, raw } = ask;
  if (raw) {
    const counted = await store.summaries(tags, from, to, to - from, false);
    const samples = [...counted.values()].flat().reduce((sum, { count }) => sum + count, 0);
    if (samples > MOST_SAMPLES) {
      throw tooMuch(
        `these are ${samples} samples, and at most ${MOST_SAMPLES} are given: ask for less time or a step`,
      );
    }
    return { stepMs: null, from };
  }
  if (ask.stepMs !== undefined) {
    if ((to - from) / ask.stepMs > MOST_BUCKETS_A_TAG) {
      throw tooMuch(`at most ${MOST_BUCKETS_A_TAG} buckets of a tag are given: ask for less time or a longer step`);
    }
    return { stepMs: ask.stepMs, from };
  }
  const few = points * 2;
  const samples = await store.ranges(tags, from, to, few + 1);
  const lengths = [...samples.values()].map(({ length }) => length);
  if (lengths.some((length) => length > few)) return aligned(from, to, points);
  const all = lengths.reduce((sum, length) => sum + length, 0);
  return { stepMs: null, from, ...(all <= SAMPLES_A_BLOCK ? { samples } : {}) };
}

/** Buckets as summaries are kept: of a nice length, beginning at a multiple of it in UTC, where they are not too short. */
function aligned(from: number, to: number, points: number): Resolution {
  const exact = Math.max(1, Math.ceil((to - from) / points));
  const stepMs = NICE_MS.find((step) => step >= exact * 0.8 && step <= exact * 2.5);
  // Shorter than a second, or longer than weeks, and no summary is of help.
  if (stepMs === undefined) return { stepMs: exact, from };
  // Hours at the longest: a day begins elsewhere in each place.
  const grid = Math.min(stepMs, HOUR_MS);
  return { stepMs, from: Math.floor(from / grid) * grid };
}

/** Everything, tag by tag and by time, in blocks that are read as somebody takes them. */
export async function* readHistory(
  store: TimeSeriesStore,
  tags: number[],
  { to, timeWeighted }: HistoryAsk,
  { stepMs, from, samples }: Resolution,
  { retention, now }: { retention: RetentionConfig; now(): number },
): AsyncGenerator<HistoryBlock> {
  if (samples) {
    for (const tag of tags) if (samples.has(tag)) yield { tag, samples: samples.get(tag)! };
    return;
  }
  if (stepMs === null) {
    for (const tag of tags) yield* samplesOf(store, tag, from, to);
    return;
  }
  const together = Math.max(1, Math.floor(BUCKETS_AT_ONCE / Math.ceil((to - from) / stepMs)));
  for (let i = 0; i < tags.length; i += together) {
    const some = tags.slice(i, i + together);
    const found = await bucketHistory(store, { tags: some, from, to, stepMs, timeWeighted }, retention, now());
    for (const tag of some) {
      const buckets = found.get(tag);
      if (buckets) yield { tag, buckets };
    }
  }
}

async function* samplesOf(
  store: TimeSeriesStore,
  tag: number,
  from: number,
  to: number,
): AsyncGenerator<HistoryBlock> {
  let limit = SAMPLES_A_BLOCK;
  let next = from;
  for (;;) {
    const samples = await store.range(tag, next, to, { limit });
    if (samples.length < limit) {
      if (samples.length > 0) yield { tag, samples };
      return;
    }
    // More of the last time may follow: they are read with what is behind them.
    const last = samples.at(-1)!.at;
    const whole = samples.findIndex(({ at }) => at === last);
    if (whole === 0) {
      limit *= 2;
      continue;
    }
    yield { tag, samples: samples.slice(0, whole) };
    next = last;
    limit = SAMPLES_A_BLOCK;
  }
}

function tooMuch(words: string): LinesideError {
  return new LinesideError('RANGE_INVALID', 'peer', words);
}
