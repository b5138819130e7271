/**
 * The contract of a time-series store. DuckDB is the embedded one, InfluxDB a server’s; every implementation passes
 * test/contract/time-series.ts.
 */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { ValueColumn } from '@lineside/shared/wire/value-column.ts';
import type { RollupLevel } from './rollup-levels.ts';
import type { Summary } from './summary.ts';

/** Samples in the order in which they were received; all arrays have the same length. */
export interface SampleColumns {
  /** The hub's tag ids. */
  tags: Int32Array;
  /** Source time, milliseconds since 1970 UTC. */
  at: Float64Array;
  values: ValueColumn;
  /** OPC UA StatusCodes. */
  quality: Uint32Array;
}

/** Names one record of one gateway. */
export interface RecordId {
  gateway: string;
  /** 32 hexadecimal digits. */
  epoch: string;
  /** From 1, ascending within an epoch. */
  seq: number;
}

export interface StoredSample {
  at: number;
  value: Value;
  quality: number;
}

/** An hour of a tag that is to be summarised anew; `stamp` is another one each time. */
export interface LateHour {
  tag: number;
  hour: number;
  stamp: number;
}

export interface TagCount {
  tag: number;
  samples: number;
  /** Source times of the first and the last. */
  firstAt: number;
  lastAt: number;
}

export interface LastSample extends StoredSample {
  tag: number;
}

export interface TimeSeriesStore {
  /** Opens or creates the store. Rejects with a LinesideError when another process holds it. */
  open(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
  /**
   * Appends records, and resolves when all of them are on disk. A record at or below its gateway's and epoch's
   * watermark was stored before a crash: it is passed over, so a repeat changes nothing. Samples that cannot be
   * stored are refused with all others of the call; after any other failure the call may be repeated.
   *
   * @param handedOver called when all that is left is to wait for a disk or a server
   */
  append(records: { id: RecordId; samples: SampleColumns }[], handedOver?: () => void): Promise<void>;
  /** The highest seq stored for an epoch; 0 when none. */
  watermark(gateway: string, epoch: string): Promise<number>;
  /**
   * Another hub may have appended records of this gateway since: what is kept of it in memory is read anew. To be
   * called when the gateway comes to this hub from another one.
   */
  forget(gateway: string): void;
  /** Why the store does not do its work now, in words; empty while all is well. */
  readonly fault: string;
  /** The newest sample by source time of every tag that has one; the newest stored of those with equal time. */
  last(): Promise<LastSample[]>;
  /**
   * Samples of one tag with from <= at < to, by time; equal times in the order in which they were stored.
   * With `before`, first also the newest sample before `from`, when there is one. At most `limit` samples.
   */
  range(
    tag: number,
    from: number,
    to: number,
    options?: { before?: boolean; limit?: number },
  ): Promise<StoredSample[]>;
  /** As `range` of each of the tags that has samples there; at most `limit` of each. */
  ranges(tags: number[], from: number, to: number, limit: number): Promise<Map<number, StoredSample[]>>;
  /**
   * Summaries of what is stored with from <= at < to, of stretches of `stepMs` that begin at `from`; only those with a
   * sample, by time, and only tags that have one. Without `timeWeighted` the parts that a mean over time needs may be
   * left out (carry, area, coveredMs), and firstAt and lastAt be anywhere within.
   *
   * @throws LinesideError STORE_BAD_QUERY when there would be too many
   */
  summaries(
    tags: number[],
    from: number,
    to: number,
    stepMs: number,
    timeWeighted: boolean,
  ): Promise<Map<number, Summary[]>>;
  /** When the oldest sample with at >= from was taken; undefined when there is none. */
  firstAt(from: number): Promise<number | undefined>;
  /** How much is stored of each tag with from <= at < to; only tags that have some, by tag. */
  perTag(from: number, to: number): Promise<TagCount[]>;
  /** Number of samples stored for each of the tags, or for all tags together. */
  count(tags?: number[]): Promise<number>;
  /**
   * Deletes samples with from <= at < to, and the summaries that they are in: what is left of their hours is marked as
   * late, to be summarised anew.
   */
  delete(tags: number[], from: number, to: number): Promise<void>;
  /** Deletes older samples. Of each tag the newest before that time stays: it says what was true then. */
  expire(before: number): Promise<void>;
  readonly rollups: RollupStore;
}

/** Summaries that are kept, so that nobody has to read all samples of a year. */
export interface RollupStore {
  /** Summaries of a length with from <= at < to, by time; only tags that have some. */
  read(tags: number[], from: number, to: number, level: RollupLevel): Promise<Map<number, Summary[]>>;
  /** Keeps summaries of those tags and that time in place of all that were there. */
  put(tags: number[], from: number, to: number, level: RollupLevel, summaries: Map<number, Summary[]>): Promise<void>;
  /** All hours before this have been summarised, but those that are late. 0 at first. */
  until(): Promise<number>;
  setUntil(at: number): Promise<void>;
  /** Hours in which something was stored, or deleted, after they were over; all, or those of some tags. */
  late(of?: { tags: number[]; from: number; to: number }): Promise<LateHour[]>;
  /** These have been summarised; one that was marked again since keeps its mark. */
  clearLate(hours: LateHour[]): Promise<void>;
  /** Deletes older summaries of a length. */
  expire(before: number, level: RollupLevel): Promise<void>;
}
