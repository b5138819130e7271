/**
 * The contract of a time-series store. DuckDB is the embedded one, InfluxDB a server’s; every implementation passes
 * test/contract/time-series.ts.
 */
import type { Value } from '@lineside/shared/contracts/frame.ts';

/** Samples in the order in which they were received; all arrays have the same length. */
export interface SampleColumns {
  /** The hub's tag ids. */
  tags: number[];
  /** Source time, milliseconds since 1970 UTC. */
  at: number[];
  values: Value[];
  /** OPC UA StatusCodes. */
  quality: number[];
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

/**
 * One bucket of a downsampled range. mean, min and max are of Good samples that are finite numbers, or booleans as 0
 * and 1; null when there are none.
 */
export interface Bucket {
  at: number;
  mean: number | null;
  min: number | null;
  max: number | null;
  count: number;
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
   */
  append(records: { id: RecordId; samples: SampleColumns }[]): Promise<void>;
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
  /** The range in buckets of `stepMs` that begin at `from`, only those with at least one sample, by time. */
  buckets(tag: number, from: number, to: number, stepMs: number): Promise<Bucket[]>;
  /** How much is stored of each tag with from <= at < to; only tags that have some, by tag. */
  perTag(from: number, to: number): Promise<TagCount[]>;
  /** Number of samples stored for each of the tags, or for all tags together. */
  count(tags?: number[]): Promise<number>;
}
