/**
 * An ordered log of records on disk. Knows nothing of batches: it takes payloads, gives them their seq, makes
 * them durable, reads them back in order, and forgets them from the oldest end.
 */
import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { RECORD_HEADER, type RecordHead, SEGMENT_HEADER, writeRecord } from './format.ts';
import { type FoundRecord, scanSegment } from './scan.ts';
import { type Segment, SegmentFiles } from './segment-files.ts';

export interface LogRecord {
  seq: number;
  /** Record before this one that is on disk; 0 when there is none. */
  prev: number;
  totalSamples: number;
  payload: Buffer;
}

interface LoadedSegment extends Segment {
  buffer: Buffer;
  records: FoundRecord[];
  end: number;
}

export interface DiskLogOptions {
  dir: string;
  segmentBytes: number;
  log: Logger;
  now(): number;
}

export class DiskLog {
  readonly #options: DiskLogOptions;
  readonly #files: SegmentFiles;
  #segments: Segment[] = [];
  #handle: FileHandle | undefined;
  #end = SEGMENT_HEADER;
  #loaded: LoadedSegment | undefined;
  /** Records appended by this process that are still worth keeping in memory: the hub usually wants them next. */
  #tail: LogRecord[] = [];
  #tailBytes = 0;
  epoch = '';
  /** Newest durable record; 0 when the epoch is empty. */
  newestSeq = 0;
  totalSamples = 0;
  /** Damaged places found at open; each is kept aside in a file of its own. */
  damagedPlaces = 0;

  constructor(options: DiskLogOptions) {
    this.#options = options;
    this.#files = new SegmentFiles(options.dir, options.segmentBytes);
  }

  get oldestSeq(): number {
    return this.#segments[0]?.firstSeq ?? 0;
  }

  /** Bytes on disk that hold records, in whole segments. */
  get bytes(): number {
    return this.#segments.length * this.#options.segmentBytes;
  }

  /** Opens the directory and finds the end of the log. Only the newest segment is read: opening stays quick. */
  async open(): Promise<void> {
    this.epoch = await this.#files.openEpoch();
    const { segments, setAside } = await this.#files.list(this.epoch);
    for (const path of setAside) {
      this.damagedPlaces++;
      this.#options.log.error({ path }, 'buffer segment with a damaged head set aside');
    }
    this.#segments = segments;
    // The newest segment may hold nothing yet, when the power went between its birth and its first record.
    for (let i = segments.length - 1; i >= 0; i--) {
      const loaded = await this.#load(segments[i]!);
      const newest = loaded.records.at(-1);
      if (i === segments.length - 1) {
        this.#handle = await open(loaded.path, 'r+');
        this.#end = loaded.end;
      }
      this.newestSeq = Math.max(this.newestSeq, newest?.seq ?? loaded.firstSeq - 1);
      if (newest) {
        this.totalSamples = newest.totalSamples;
        break;
      }
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** Whether a payload of this size has room in the newest segment. */
  fits(payloadBytes: number): boolean {
    return this.#handle !== undefined && this.#end + RECORD_HEADER + payloadBytes <= this.#options.segmentBytes;
  }

  /** Begins a new segment. */
  async roll(): Promise<void> {
    await this.close();
    const firstSeq = this.newestSeq + 1;
    const { segment, handle } = await this.#files.create(this.epoch, firstSeq, this.#options.now());
    // A segment that was born but got no record has the same name and is replaced.
    this.#segments = [...this.#segments.filter((other) => other.firstSeq !== firstSeq), segment];
    this.#handle = handle;
    this.#end = SEGMENT_HEADER;
  }

  /** Writes a record that `fits` and resolves when it is on disk. Not to be called again before it has settled. */
  async append(payload: Buffer, samples: number): Promise<LogRecord> {
    const seq = this.newestSeq + 1;
    const head: RecordHead = {
      seq,
      payloadBytes: payload.length,
      totalSamples: this.totalSamples + samples,
      appendedAt: this.#options.now(),
    };
    const record = writeRecord(head, this.#segments.at(-1)!.firstSeq, payload);
    try {
      await this.#handle!.write(record, 0, record.length, this.#end);
      await this.#handle!.datasync();
    } catch (error) {
      // After a failed sync the kernel may call the lost pages clean: never trust this place again.
      await this.close();
      throw error;
    }
    const prev = this.oldestSeq < seq ? this.newestSeq : 0;
    this.#end += record.length;
    this.newestSeq = seq;
    this.totalSamples = head.totalSamples;
    const appended = { seq, prev, totalSamples: head.totalSamples, payload };
    this.#remember(appended);
    return appended;
  }

  /** The next record gets at least `seq + 1`: the hub knows a record that this disk has lost. */
  skipTo(seq: number): void {
    if (seq <= this.newestSeq) return;
    this.newestSeq = seq;
    this.#tail = [];
    this.#tailBytes = 0;
  }

  /** The first record with a seq of at least `from`, or undefined when there is none yet. */
  async read(from: number): Promise<LogRecord | undefined> {
    if (from > this.newestSeq) return undefined;
    const cached = this.#tail[0];
    if (cached && from >= cached.seq) return this.#tail.find((record) => record.seq >= from);
    let index = this.#segments.findLastIndex((segment) => segment.firstSeq <= from);
    if (index < 0) index = 0;
    for (; index < this.#segments.length; index++) {
      const segment = this.#segments[index]!;
      const loaded = await this.#loadedFor(segment, from);
      const at = loaded.records.findIndex((record) => record.seq >= from);
      if (at < 0) continue;
      const record = loaded.records[at]!;
      const start = record.at + RECORD_HEADER;
      return {
        seq: record.seq,
        prev: at > 0 ? loaded.records[at - 1]!.seq : await this.#newestBefore(index),
        totalSamples: record.totalSamples,
        payload: loaded.buffer.subarray(start, start + record.payloadBytes),
      };
    }
    return undefined;
  }

  /** Samples in all records up to and including `seq`; 0 when that record is gone. */
  async totalSamplesAt(seq: number): Promise<number> {
    const record = seq > 0 ? await this.read(seq) : undefined;
    return record && record.seq === seq ? record.totalSamples : 0;
  }

  /** Gives back the segments that hold only records up to `seq`. The newest segment always stays. */
  async release(seq: number): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[1]!.firstSeq <= seq + 1) {
      const [oldest] = this.#segments.splice(0, 1);
      if (this.#loaded?.path === oldest!.path) this.#loaded = undefined;
      await this.#files.release(oldest!);
    }
  }

  /** Number of segments that hold, or will hold, records behind `seq`. */
  segmentsAfter(seq: number): number {
    const index = this.#segments.findLastIndex((segment) => segment.firstSeq <= seq + 1);
    return this.#segments.length - Math.max(0, index);
  }

  /** Where the oldest segment ends: releasing up to here frees it. 0 when only the newest is left. */
  oldestSegmentEnd(): number {
    return this.#segments.length > 1 ? this.#segments[1]!.firstSeq - 1 : 0;
  }

  async #load(segment: Segment): Promise<LoadedSegment> {
    const buffer = await readFile(segment.path);
    const scan = scanSegment(buffer, segment.firstSeq);
    for (const { from, to } of scan.damaged) {
      const aside = `${segment.path}.${from}.bad`;
      try {
        await writeFile(aside, buffer.subarray(from, to), { mode: 0o640, flag: 'wx' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        this.#options.log.warn({ aside, error: messageOf(error) }, 'could not keep a damaged place of the buffer');
      }
      this.damagedPlaces++;
      this.#options.log.error({ path: segment.path, from, to, aside }, 'damaged place in the buffer set aside');
    }
    return { ...segment, buffer, records: scan.records, end: scan.end };
  }

  async #loadedFor(segment: Segment, from: number): Promise<LoadedSegment> {
    const current = this.#loaded;
    const stale = current?.path === segment.path && (current.records.at(-1)?.seq ?? 0) < from;
    if (!current || current.path !== segment.path || stale) this.#loaded = await this.#load(segment);
    return this.#loaded!;
  }

  async #newestBefore(index: number): Promise<number> {
    const previous = this.#segments[index - 1];
    if (!previous) return 0;
    const buffer = await readFile(previous.path);
    return scanSegment(buffer, previous.firstSeq).records.at(-1)?.seq ?? 0;
  }

  #remember(record: LogRecord): void {
    this.#tail.push(record);
    this.#tailBytes += record.payload.length;
    while (this.#tailBytes > 4 * 1024 * 1024) this.#tailBytes -= this.#tail.shift()!.payload.length;
  }
}
