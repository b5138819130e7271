/**
 * An ordered log of records on disk. Knows nothing of batches: it takes payloads, gives them their seq, makes
 * them durable, reads them back in order, and forgets them from the oldest end.
 */
import { type FileHandle, stat } from 'node:fs/promises';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { readFirstRecord } from './first-record.ts';
import { checksumSeed, END_MARK, PAGE, RECORD_HEADER, SEGMENT_HEADER, writeRecord } from './format.ts';
import type { FoundRecord } from './scan.ts';
import { SegmentCache } from './segment-cache.ts';
import { bornAt, openForAppend, type Segment, SegmentFiles, SYNCED_WRITES } from './segment-files.ts';
import { type Damage, type LoadedSegment, SegmentLoader } from './segment-loader.ts';

export interface LogRecord {
  seq: number;
  /** Record before this one that is on disk; 0 when there is none. */
  prev: number;
  /** Samples in all records of the epoch up to and including this one. */
  totalSamples: number;
  /** Samples in this record. */
  samples: number;
  payload: Buffer;
}

export interface DiskLogOptions {
  dir: string;
  segmentBytes: number;
  log: Logger;
  now(): number;
  /** How many read at places of their own: so many segments stay in memory. 1 when absent. */
  readers?: number;
  /**
   * Records are found to be gone although nobody gave them up. Awaited before the place counts as seen; may be told
   * again after a crash. Must not reject.
   */
  onDamage?(damage: Damage): Promise<void>;
}

const MIB = 1024 * 1024;

/** Records appended by this process that are still in memory: the hub usually wants them next. Bytes. */
const TAIL_BYTES = 4 * MIB;

export class DiskLog {
  readonly #options: DiskLogOptions;
  readonly #files: SegmentFiles;
  readonly #loader: SegmentLoader;
  #segments: Segment[] = [];
  /** The segment that is being written: `#seed` and `#end` are its. */
  #active: Segment | undefined;
  #handle: FileHandle | undefined;
  #seed = 0;
  #bornAt: number | null = null;
  #end = SEGMENT_HEADER;
  /** From `#end` to the end of its page are zeros. */
  #zeroed = false;
  readonly #cache: SegmentCache;
  #tail: LogRecord[] = [];
  #tailBytes = 0;
  epoch = '';
  /** Newest durable record; 0 when the epoch is empty. */
  newestSeq = 0;
  /** Newest number that was ever given away, here or, as far as is known, in what was lost. */
  #usedSeq = 0;
  totalSamples = 0;

  constructor(options: DiskLogOptions) {
    this.#options = options;
    this.#files = new SegmentFiles(options.dir, options.segmentBytes);
    this.#loader = new SegmentLoader(options.log, options.onDamage ?? (() => Promise.resolve()));
    this.#cache = new SegmentCache(options.readers ?? 1);
  }

  /** First number of the oldest segment; 0 when there is no segment. */
  get oldestSeq(): number {
    return this.#segments[0]?.firstSeq ?? 0;
  }

  /** Newest number that must not be given to another record. */
  get usedSeq(): number {
    return this.#usedSeq;
  }

  /** Bytes on disk that hold records, in whole segments. */
  get bytes(): number {
    return this.#segments.length * this.#options.segmentBytes;
  }

  /** Damaged places found so far; each is kept aside in a file of its own. */
  get damagedPlaces(): number {
    return this.#loader.damagedPlaces;
  }

  /**
   * Opens the directory and finds the end of the log. Only the newest segment is read: opening stays quick.
   *
   * @throws LinesideError BUFFER_DIR_UNUSABLE. Damage is no reason to fail: it is set aside.
   */
  async open(): Promise<void> {
    this.epoch = await this.#files.openEpoch();
    const { segments, headless, setAside } = await this.#files.list(this.epoch);
    for (const path of setAside) this.#loader.report(path, 'buffer file of another epoch set aside');
    this.#segments = segments;
    for (const segment of headless) await this.#mend(segment);
    for (const segment of this.#segments.toReversed()) {
      const loaded = await this.#loadAtOpen(segment);
      const newest = loaded?.records.at(-1);
      if (loaded) this.#use(Math.max(segment.firstSeq - 1, newest?.seq ?? 0) + loaded.lostAtEnd);
      // The newest segment may hold nothing yet, when the power went between its birth and its first record.
      if (newest) {
        this.newestSeq = newest.seq;
        this.totalSamples = newest.totalSamples;
        break;
      }
    }
    await this.#resume();
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /** Whether a payload of this size has room in the newest segment. */
  fits(payloadBytes: number): boolean {
    const end = this.#placeOf(payloadBytes) + RECORD_HEADER + payloadBytes;
    return this.#handle !== undefined && end <= this.#options.segmentBytes;
  }

  /** Begins a new segment. */
  async roll(): Promise<void> {
    await this.close().catch(() => undefined);
    const firstSeq = this.#usedSeq + 1;
    const now = this.#options.now();
    const { segment, handle } = await this.#files.create(this.epoch, firstSeq, now);
    // A segment that was born but got no record has the same name and is replaced.
    this.#segments = [...this.#segments.filter((other) => other.firstSeq !== firstSeq), segment];
    this.#cache.forget(segment.path);
    this.#begin(segment, handle, SEGMENT_HEADER);
    this.#bornAt = now;
  }

  /** Writes a record that `fits` and resolves when it is on disk. Not to be called again before it has settled. */
  async append(payload: Buffer, samples: number): Promise<LogRecord> {
    const seq = this.#usedSeq + 1;
    const totalSamples = this.totalSamples + samples;
    const head = { seq, payloadBytes: payload.length, totalSamples, samples, appendedAt: this.#options.now() };
    const place = this.#placeOf(payload.length);
    const end = place + RECORD_HEADER + payload.length;
    const room = this.#options.segmentBytes - end;
    const toPageEnd = Math.ceil((end + END_MARK) / PAGE) * PAGE - end;
    // A record larger than a segment makes the file grow, by whole MiB: another length says that it was cut short.
    const mark = room >= 0 ? Math.min(toPageEnd, room) : (MIB - (end % MIB)) % MIB;
    const record = writeRecord(head, this.#seed, payload, mark);
    try {
      const { bytesWritten } = await this.#handle!.write(record, 0, record.length, place);
      if (bytesWritten !== record.length) throw new Error(`only ${bytesWritten} of ${record.length} bytes written`);
      if (!SYNCED_WRITES) await this.#handle!.datasync();
    } catch (error) {
      // After a failed sync the kernel may call the lost pages clean: never trust this place again.
      await this.close().catch(() => undefined);
      throw error;
    }
    const appended = { seq, prev: this.newestSeq, totalSamples, samples, payload };
    this.#end = end;
    this.#zeroed = true;
    this.newestSeq = seq;
    this.#usedSeq = seq;
    this.totalSamples = totalSamples;
    this.#remember(appended);
    return { ...appended, prev: this.#ifKept(appended.prev) };
  }

  /** The next record gets at least `seq + 1`: the hub knows a record that this disk has lost. Not during `append`. */
  skipTo(seq: number): void {
    this.#use(seq);
  }

  /** The first record with a seq of at least `from`, or undefined when there is none yet. */
  async read(from: number): Promise<LogRecord | undefined> {
    if (from > this.newestSeq) return undefined;
    const cached = this.#inTail(from);
    if (cached) return { ...cached, prev: this.#ifKept(cached.prev) };
    const found = await this.#locate(from, true);
    if (!found) return undefined;
    const { loaded, record, prev } = found;
    const { seq, totalSamples, samples, payloadBytes } = record;
    const start = record.at + RECORD_HEADER;
    return { seq, prev, totalSamples, samples, payload: loaded.bytes!.subarray(start, start + payloadBytes) };
  }

  /** Samples in all records before the first one that is left behind `seq`. */
  async samplesUpTo(seq: number): Promise<number> {
    if (seq >= this.newestSeq) return this.totalSamples;
    const oldest = this.#segments[0];
    if (oldest && seq < oldest.firstSeq) {
      const first = await readFirstRecord(oldest.path, { epoch: this.epoch, firstSeq: oldest.firstSeq }).catch(
        () => null,
      );
      if (first) return first.totalSamples - first.samples;
    }
    const next = this.#inTail(seq + 1) ?? (await this.#locate(seq + 1, false))?.record;
    return next ? next.totalSamples - next.samples : this.totalSamples;
  }

  /** The sound records of the oldest segment from `fromSeq` on. */
  async oldestRecords(fromSeq: number): Promise<FoundRecord[]> {
    const oldest = this.#segments[0];
    if (!oldest) return [];
    const { records } = await this.#loaded(oldest, oldest.firstSeq, false);
    return records.slice(lowerBound(records, fromSeq));
  }

  /** When the oldest segment ended; null while it is the only one, or when the next one does not say. */
  async oldestEndedAt(): Promise<number | null> {
    const next = this.#segments[1];
    return next ? bornAt(next.path) : null;
  }

  /** When the segment that is written was begun; null when there is none, or it does not say. */
  get activeBornAt(): number | null {
    return this.#handle ? this.#bornAt : null;
  }

  /** Whether what is appended now would be found again by its name. False only when that is sure. */
  async isThere(): Promise<boolean> {
    if (!this.#active || !this.#handle) return this.#files.isThere(this.epoch);
    try {
      return (await stat(this.#active.path)).ino === (await this.#handle.stat()).ino;
    } catch (error) {
      return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    }
  }

  /** Gives back the segments that hold only records up to `seq`. The newest segment always stays. */
  async release(seq: number): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[1]!.firstSeq <= seq + 1) {
      const oldest = this.#segments.shift()!;
      this.#cache.forget(oldest.path);
      try {
        await this.#files.release(oldest);
      } catch (error) {
        this.#segments.unshift(oldest);
        throw error;
      }
    }
    // What was given back or given up must not come again out of memory.
    while (this.#tail.length > 0 && this.#tail[0]!.seq < this.oldestSeq) this.#forgetOldest();
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

  #use(seq: number): void {
    this.#usedSeq = Math.max(this.#usedSeq, seq);
  }

  /** A record that was dropped is nobody's predecessor: the hub would wait for it for ever. */
  #ifKept(prev: number): number {
    return prev >= this.oldestSeq ? prev : 0;
  }

  #begin(segment: Segment, handle: FileHandle, end: number): void {
    this.#seed = checksumSeed({ epoch: this.epoch, firstSeq: segment.firstSeq });
    this.#active = segment;
    this.#handle = handle;
    this.#end = end;
    this.#zeroed = false;
  }

  /** Where the next record begins: on a new page where that saves a page, and nothing else could be in between. */
  #placeOf(payloadBytes: number): number {
    const into = this.#end % PAGE;
    const size = RECORD_HEADER + payloadBytes + END_MARK;
    const saves = Math.ceil((into + size) / PAGE) > Math.ceil(size / PAGE);
    const follows = this.#zeroed && this.#usedSeq === this.newestSeq;
    return saves && follows ? this.#end + PAGE - into : this.#end;
  }

  /** Goes on in the newest segment where it ends. A file that cannot be written is left, and a new one begun. */
  async #resume(): Promise<void> {
    const newest = this.#segments.at(-1);
    const loaded = newest && this.#cache.get(newest.path);
    if (!newest || !loaded) return;
    try {
      const handle = await openForAppend(newest.path);
      this.#begin(newest, handle, loaded.end);
      // One that was cut short is whole again, or it would be taken for cut at each start. This needs no space.
      const { size } = await handle.stat();
      if (size % MIB !== 0) await handle.truncate(Math.ceil(size / MIB) * MIB);
      this.#bornAt = await bornAt(newest.path);
    } catch (error) {
      this.#options.log.warn({ path: newest.path, error: messageOf(error) }, 'cannot go on in this buffer file');
    }
  }

  /** Keeps a segment whose head is damaged when its records are sound; they do not need it. */
  async #mend(segment: Segment): Promise<void> {
    const loaded = await this.#loadAtOpen(segment);
    if (!loaded) return;
    if (loaded.records.length === 0) await this.#abandon(segment, 'buffer file without a sound record set aside');
    else {
      await this.#loader.keepAside(segment.path, loaded.bytes!, { from: 0, to: SEGMENT_HEADER }, null);
      await this.#files.mendHead(this.epoch, segment, this.#options.now()).catch(() => undefined);
    }
  }

  async #loadAtOpen(segment: Segment): Promise<LoadedSegment | undefined> {
    try {
      return await this.#load(segment, true);
    } catch (error) {
      await this.#abandon(segment, `buffer file set aside, it cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #abandon(segment: Segment, why: string): Promise<void> {
    // Whatever the newest one held is lost, and none of its numbers may be given to other data.
    if (segment === this.#segments.at(-1)) {
      this.#use(segment.firstSeq + Math.floor(this.#options.segmentBytes / RECORD_HEADER));
    }
    const damage = await this.#lossOf(segment);
    this.#segments = this.#segments.filter((other) => other !== segment);
    this.#cache.forget(segment.path);
    await this.#loader.lostFile(await this.#files.setAside(segment).catch(() => segment.path), why, damage);
  }

  /** What goes with a whole file, as far as its neighbours tell. */
  async #lossOf(segment: Segment): Promise<Damage> {
    const index = this.#segments.indexOf(segment);
    const next = this.#segments[index + 1];
    const recordsOf = async (neighbour: Segment | undefined) =>
      neighbour ? (await this.#loaded(neighbour, neighbour.firstSeq, false).catch(() => undefined))?.records : [];
    const before = (await recordsOf(this.#segments[index - 1]))?.at(-1);
    const after = (await recordsOf(next))?.[0];
    const total = before?.totalSamples ?? (segment.firstSeq === 1 ? 0 : null);
    return {
      fromSeq: segment.firstSeq,
      toSeq: next ? next.firstSeq - 1 : Math.max(this.#usedSeq, segment.firstSeq),
      samples: after && total !== null ? after.totalSamples - after.samples - total : 0,
      fromAt: before?.appendedAt ?? null,
      toAt: after?.appendedAt ?? null,
    };
  }

  async #load(segment: Segment, bytes: boolean): Promise<LoadedSegment> {
    const index = this.#segments.indexOf(segment);
    const next = this.#segments[index + 1];
    const loaded = await this.#loader.load({
      ...segment,
      epoch: this.epoch,
      endSeq: next?.firstSeq ?? Number.POSITIVE_INFINITY,
      knownEnd: segment === this.#active ? this.#end : undefined,
      stillThere: () => this.#segments.includes(segment),
    });
    if (this.#segments.includes(segment)) this.#cache.put(bytes ? loaded : { ...loaded, bytes: undefined });
    return loaded;
  }

  async #loaded(segment: Segment, from: number, bytes: boolean): Promise<LoadedSegment> {
    const hit = this.#cache.get(segment.path);
    const grown = segment === this.#segments.at(-1) && (hit?.records.at(-1)?.seq ?? 0) < from;
    if (!hit || grown || (bytes && !hit.bytes)) return this.#load(segment, bytes);
    if (bytes) this.#cache.put(hit);
    return hit;
  }

  async #locate(from: number, bytes: boolean) {
    let index = Math.max(
      0,
      this.#segments.findLastIndex((segment) => segment.firstSeq <= from),
    );
    while (index < this.#segments.length) {
      const segment = this.#segments[index]!;
      try {
        const loaded = await this.#loaded(segment, from, bytes);
        const at = lowerBound(loaded.records, from);
        const record = loaded.records[at];
        const before = record ? await this.#before(loaded, at) : 0;
        if (record && this.#segments.includes(segment)) return { loaded, record, prev: before };
      } catch (error) {
        const lost = segment !== this.#active && (await this.#isLost(error));
        if (lost) await this.#abandon(segment, `buffer file set aside, it cannot be read: ${messageOf(error)}`);
        else if (this.#segments.includes(segment)) throw error;
      }
      // Released in the meantime: what was the next segment may be at any place now.
      const now = this.#segments.indexOf(segment);
      index = now < 0 ? 0 : now + 1;
    }
    return undefined;
  }

  /** Seq of the record before the one at `at`; 0 when there is none. */
  async #before(loaded: LoadedSegment, at: number): Promise<number> {
    if (at > 0) return loaded.records[at - 1]!.seq;
    let index = this.#segments.findIndex(({ path }) => path === loaded.path) - 1;
    for (; index >= 0; index--) {
      const segment = this.#segments[index]!;
      const last = (await this.#loaded(segment, segment.firstSeq, false)).records.at(-1);
      if (last) return last.seq;
    }
    return 0;
  }

  /** Errors of a file that no waiting mends; with its whole directory it may be on a disk that comes back. */
  async #isLost(error: unknown): Promise<boolean> {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return this.#files.isThere(this.epoch);
    return ['EIO', 'EISDIR'].includes(code);
  }

  #inTail(from: number): LogRecord | undefined {
    const oldest = this.#tail[0];
    return oldest && from >= oldest.seq ? this.#tail[lowerBound(this.#tail, from)] : undefined;
  }

  #remember(record: LogRecord): void {
    this.#tail.push(record);
    this.#tailBytes += record.payload.length;
    while (this.#tailBytes > TAIL_BYTES) this.#forgetOldest();
  }

  #forgetOldest(): void {
    this.#tailBytes -= this.#tail.shift()!.payload.length;
  }
}

/** Index of the first record with a seq of at least `from`. */
function lowerBound(records: Pick<FoundRecord, 'seq'>[], from: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (records[middle]!.seq < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
