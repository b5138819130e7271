/**
 * What the gateway has measured and the hub has not committed yet. Frames go into the batch being built; every
 * `commitIntervalMs` the batch becomes one durable record of the disk log (group commit). The hub's committed
 * answers move the cursor, and only what lies behind the cursor is given back.
 *
 * Every segment begins with the catalogue of tags, so whatever part of the log survives explains itself.
 */
import { join } from 'node:path';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { GatewayEvent } from '@lineside/shared/contracts/event.ts';
import type { Frame, TagInfo, ValueType } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';
import type { BufferConfig } from './config.ts';
import { CursorFile } from './cursor-file.ts';
import { DiskLog, type LogRecord } from './disk-log.ts';
import { type BufferReader, ReaderSet } from './readers.ts';

const MIB = 1024 * 1024;

/** A batch is closed early at this size, so that one record stays far below a segment. Bytes. */
const MAX_BATCH_BYTES = MIB;

/** While the disk refuses to write, so much waits in memory; then the newest is dropped and counted. */
const MAX_WAITING_SAMPLES = 500_000;
const MAX_WAITING_BYTES = 32 * MIB;

/** Alarms still find room when samples do not any more. */
const MAX_WAITING_BYTES_ALARMS = 2 * MAX_WAITING_BYTES;

const RETRY_MS = 1_000;
const CURSOR_WRITE_MS = 1_000;

export interface BufferOptions {
  dir: string;
  config: BufferConfig;
  log: Logger;
  now(): number;
  /** Called after each commit with the new record. Must not throw. */
  onCommit(record: LogRecord): void;
  /** Names of those who read besides the hub; see `reader`. Lower-case letters, digits and dashes. */
  readers?: readonly string[];
}

export interface BufferStats {
  epoch: string;
  /** Numbers between the hub's and the newest record, those of lost records included. */
  pendingRecords: number;
  /** Durable samples that the hub has not committed. What is damaged counts until the hub is past it. */
  pendingSamples: number;
  /** Disk space of the records, in whole files. */
  bytes: number;
  /** Samples made durable since the epoch began. */
  durableSamples: number;
  /** Samples dropped by this process, because the disk was full or did not write. */
  droppedSamples: number;
  /** Alarms and events dropped by this process, because the disk did not write for long. */
  droppedAlarms: number;
  damagedPlaces: number;
  /** Those who read besides the hub. */
  readers: { name: string; pendingRecords: number; droppedSamples: number }[];
  /** Why nothing can be written; empty while all is well. */
  fault: string;
}

interface Waiting {
  batch: Buffer;
  samples: number;
  /** The catalogue that explains it, should a segment begin with it. */
  catalog: Buffer;
}

export class GatewayBuffer {
  readonly #options: BufferOptions;
  readonly #log: DiskLog;
  readonly #segmentBytes: number;
  readonly #cursorFile: CursorFile;
  readonly #readers: ReaderSet;
  readonly #types = new Map<number, ValueType>();
  readonly #writer: BatchWriter;
  /** Of the batch being built. */
  #catalog: Buffer = Buffer.alloc(0);
  /** Closed batches that are not durable yet, oldest first. */
  #waiting: Waiting[] = [];
  #waitingSamples = 0;
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #cursorTimer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  #closed = false;
  #committedSeq = 0;
  #committedSamples = 0;
  /** Samples up to the newest that was dropped to keep the limit. */
  #goneSamples = 0;
  #droppedSamples = 0;
  #droppedAlarms = 0;
  /** Newest number in use when this process began. */
  #openedAt = 0;
  /** Newest of the records that have to be written once more, see `#writeBehind`. */
  #behind = 0;
  #fault = '';
  #lastRefusal = '';

  constructor(options: BufferOptions) {
    this.#options = options;
    const { segmentMiB, maxMiB } = options.config;
    // Dropping the oldest needs some files to choose from, within the limit.
    this.#segmentBytes = Math.min(segmentMiB, Math.floor(maxMiB / 4)) * MIB;
    this.#log = new DiskLog({
      dir: options.dir,
      segmentBytes: this.#segmentBytes,
      log: options.log,
      now: options.now,
      readers: 1 + (options.readers?.length ?? 0),
    });
    this.#readers = new ReaderSet({
      dir: options.dir,
      names: options.readers ?? [],
      log: options.log,
      read: (seq) => this.#log.read(seq),
      onAdvance: () => this.#readerAdvanced(),
    });
    this.#cursorFile = new CursorFile(join(options.dir, 'cursor'));
    this.#writer = new BatchWriter(this.#types);
  }

  get epoch(): string {
    return this.#log.epoch;
  }

  /** Newest record on disk; 0 when there is none. */
  get newestSeq(): number {
    return this.#log.newestSeq < this.#log.oldestSeq ? 0 : this.#log.newestSeq;
  }

  /** Oldest number that may still be on disk; 0 when there is no record. */
  get oldestSeq(): number {
    return this.newestSeq === 0 ? 0 : this.#log.oldestSeq;
  }

  /** Everything up to here is the hub's. */
  get committedSeq(): number {
    return this.#committedSeq;
  }

  /**
   * Opens the disk log, recovering what an earlier end left behind.
   *
   * @throws LinesideError BUFFER_DIR_UNUSABLE; no damage within the directory keeps it from opening.
   */
  async open(): Promise<void> {
    await this.#log.open();
    const cursor = await this.#cursorFile.read(this.epoch);
    await this.#readers.open(this.epoch);
    this.#log.skipTo(cursor);
    this.#openedAt = this.#log.usedSeq;
    this.#committedSeq = cursor;
    await this.#moveCursor(cursor).catch((error: unknown) => {
      this.#options.log.error({ error: messageOf(error) }, 'cannot tell how much the hub does not have yet');
    });
  }

  /**
   * Tells the buffer what its tags mean: before the first frame, and again whenever that changes, before the first
   * frame with a new tag. What came before keeps the catalogue that was in force then.
   */
  describeTags(tags: TagInfo[]): void {
    const describing = new BatchWriter(this.#types);
    describing.addTags(tags);
    const catalog = compressBatch(describing.finish());
    if (catalog.equals(this.#catalog)) return;
    this.#closeBatch();
    for (const tag of tags) this.#types.set(tag.id, tag.type);
    this.#catalog = catalog;
    this.#writer.addTags(tags);
    this.#schedule();
  }

  /** Never throws: a frame that cannot be encoded is dropped, counted and logged. */
  addFrame(frame: Frame): void {
    if (this.#closed) return;
    const samples = this.#waitingSamples + this.#writer.samples + frame.tags.length;
    if (samples > MAX_WAITING_SAMPLES || this.#memory() > MAX_WAITING_BYTES) {
      this.#droppedSamples += frame.tags.length;
      return;
    }
    try {
      this.#writer.addFrame(frame);
    } catch (error) {
      this.#droppedSamples += frame.tags.length;
      this.#refused(messageOf(error));
      return;
    }
    if (this.#writer.bytes > MAX_BATCH_BYTES) this.#closeBatch();
    this.#schedule();
  }

  addAlarm(event: AlarmEvent): void {
    this.#addUrgent(() => this.#writer.addAlarm(event));
  }

  addEvent(event: GatewayEvent): void {
    this.#addUrgent(() => this.#writer.addEvent(event));
  }

  #addUrgent(add: () => void): void {
    if (this.#closed) return;
    if (this.#memory() > MAX_WAITING_BYTES_ALARMS) {
      this.#droppedAlarms++;
      return;
    }
    add();
    if (this.#writer.bytes > MAX_BATCH_BYTES) this.#closeBatch();
    this.#schedule();
  }

  /** Makes everything added so far durable. Rejects when the disk does not take it now; it is tried again. */
  async flush(): Promise<void> {
    while (this.#committing) await this.#committing;
    await this.#commit();
    if (this.#fault !== '') throw new Error(this.#fault);
  }

  /** Flushes and closes. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#cursorTimer);
    await this.flush().catch((error: unknown) => {
      this.#options.log.error({ error: messageOf(error), samples: this.#waitingSamples }, 'samples lost at the end');
    });
    await this.#cursorFile.write(this.epoch, this.#committedSeq).catch(() => undefined);
    await this.#readers.close();
    await this.#log.close().catch(() => undefined);
  }

  /** The first record from `seq` on, or undefined when there is none yet. */
  read(seq: number): Promise<LogRecord | undefined> {
    return this.#log.read(seq);
  }

  /**
   * The view of one who reads besides the hub, with a cursor of its own that survives restarts. Records stay until
   * each reader is done with them, unless the byte limit takes them. Samples only: nothing of what is urgent.
   *
   * @param name one of `BufferOptions.readers`
   */
  reader(name: string): BufferReader {
    return this.#readers.get(name);
  }

  /**
   * The hub says that it has everything up to `seq`. A lower answer than before is believed too: a hub restored
   * from a backup needs again what it had already committed. Never rejects: what the disk refuses here is tried
   * again at the next answer.
   */
  async committed(seq: number): Promise<void> {
    if (this.#closed || seq === this.#committedSeq) return;
    try {
      if (seq > this.#log.usedSeq || this.#behind > this.#openedAt) await this.#writeBehind(seq);
      await this.#moveCursor(seq);
    } catch (error) {
      this.#options.log.warn({ seq, error: messageOf(error) }, 'could not follow what the hub has committed');
    }
    if (this.#closed) return;
    this.#cursorTimer ??= setTimeout(() => this.#keepCursor(), CURSOR_WRITE_MS);
  }

  stats(): BufferStats {
    const { newestSeq, oldestSeq, totalSamples } = this.#log;
    return {
      epoch: this.epoch,
      pendingRecords: Math.max(0, newestSeq - Math.max(this.#committedSeq, oldestSeq - 1)),
      pendingSamples: Math.max(0, totalSamples - this.#committedSamples),
      bytes: this.#log.bytes,
      durableSamples: totalSamples,
      droppedSamples: this.#droppedSamples,
      droppedAlarms: this.#droppedAlarms,
      damagedPlaces: this.#log.damagedPlaces,
      readers: this.#readers.all().map(({ name, cursor, droppedSamples }) => ({
        name,
        pendingRecords: Math.max(0, newestSeq - Math.max(cursor, oldestSeq - 1)),
        droppedSamples,
      })),
      fault: this.#fault,
    };
  }

  #schedule(): void {
    if (this.#timer || this.#committing || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#commit();
    }, this.#options.config.commitIntervalMs);
  }

  #closeBatch(): void {
    if (this.#writer.empty) return;
    const samples = this.#writer.samples;
    const batch = this.#writer.finish();
    this.#waiting.push({ batch, samples, catalog: this.#catalog });
    this.#waitingSamples += samples;
    this.#waitingBytes += batch.length;
  }

  /** Bytes that wait in memory. */
  #memory(): number {
    return this.#waitingBytes + this.#writer.bytes;
  }

  async #commit(): Promise<void> {
    if (this.#committing) return this.#committing;
    this.#closeBatch();
    if (this.#waiting.length === 0) return;
    await this.#exclusively(() => this.#write());
  }

  /** One at a time writes to the log. To be called only while nothing is committing. */
  #exclusively(write: () => Promise<void>): Promise<void> {
    const done = write().finally(() => {
      this.#committing = undefined;
      if (this.#waiting.length === 0 && this.#writer.empty) return;
      if (this.#fault === '') this.#schedule();
      else this.#retryLater();
    });
    // Whoever waits for its turn does not care how this one ended.
    this.#committing = done.catch(() => undefined);
    return done;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const { batch, samples, catalog } = this.#waiting[0]!;
      try {
        await this.#append(compressBatch(batch), samples, catalog);
      } catch (error) {
        this.#failed(error);
        return;
      }
      this.#waiting.shift();
      this.#waitingSamples -= samples;
      this.#waitingBytes -= batch.length;
      this.#recovered();
    }
  }

  async #append(payload: Buffer, samples: number, catalog = this.#catalog): Promise<void> {
    if (!this.#log.fits(payload.length)) await this.#beginSegment(catalog);
    this.#tell(await this.#log.append(payload, samples));
  }

  #tell(record: LogRecord): void {
    try {
      this.#options.onCommit(record);
    } catch (error) {
      // The record is durable: a listener's mistake must not make it be written again.
      this.#options.log.error({ seq: record.seq, error: messageOf(error) }, 'a listener of the buffer failed');
    }
  }

  async #beginSegment(catalog: Buffer): Promise<void> {
    const limit = this.#options.config.maxMiB * MIB;
    while (this.#log.bytes + this.#segmentBytes > limit && this.#log.oldestSegmentEnd() > 0) {
      await this.#dropOldest();
    }
    await this.#log.roll();
    if (catalog.length > 0) this.#tell(await this.#log.append(catalog, 0));
  }

  /**
   * The hub knows records that this disk has lost (a card that lied about its sync, a directory restored from a
   * copy). It takes what was written since under their numbers for repeats of them: so that is written once more,
   * behind what the hub knows.
   */
  async #writeBehind(seq: number): Promise<void> {
    while (this.#committing) await this.#committing;
    await this.#exclusively(async () => {
      if (seq > this.#log.usedSeq) this.#behind = this.#log.newestSeq;
      this.#log.skipTo(seq);
      while (this.#openedAt < this.#behind) {
        const record = await this.#log.read(this.#openedAt + 1);
        if (!record || record.seq > this.#behind) break;
        await this.#append(record.payload, record.samples);
        this.#openedAt = record.seq;
      }
      this.#openedAt = Math.max(this.#openedAt, seq);
    });
    this.#options.log.warn({ seq }, 'the hub has records that this disk has lost; going on behind them');
  }

  /** The buffer is at its limit: the oldest segment goes. The hub sees the range as a gap by the next `prev`. */
  async #dropOldest(): Promise<void> {
    const end = this.#log.oldestSegmentEnd();
    const fromSeq = this.#log.oldestSeq;
    const last = await this.#log.samplesUpTo(end);
    const countLosses = await this.#readers.aboutToDrop(fromSeq, end, (seq) => this.#log.samplesUpTo(seq));
    await this.#log.release(end);
    countLosses();
    this.#goneSamples = last;
    // Counted now and not before: the hub may have answered in the meantime.
    const samples = last - this.#committedSamples;
    if (samples <= 0) return;
    this.#droppedSamples += samples;
    this.#committedSamples = last;
    this.#options.log.error(
      { fromSeq: Math.max(this.#committedSeq + 1, fromSeq), toSeq: end, samples },
      'buffer full: oldest samples dropped; free the disk, raise maxMiB or mend the link',
    );
  }

  /** Everything up to `seq` is the hub's: counts what is not, and gives back the files behind it. */
  async #moveCursor(seq: number): Promise<void> {
    this.#committedSeq = seq;
    const samples = await this.#log.samplesUpTo(seq);
    // Another answer may have come in the meantime.
    if (this.#committedSeq !== seq) return;
    this.#committedSamples = Math.max(samples, this.#goneSamples);
    await this.#giveBack();
  }

  /** Gives back the files that neither the hub nor a reader needs. */
  async #giveBack(): Promise<void> {
    const keep = this.#options.config.keepCommittedMiB * MIB;
    while (true) {
      const done = Math.min(this.#committedSeq, this.#readers.done);
      const pending = this.#log.segmentsAfter(done) * this.#segmentBytes;
      const end = this.#log.oldestSegmentEnd();
      if (this.#log.bytes - pending <= keep || end === 0 || end > done) return;
      await this.#log.release(end);
    }
  }

  #readerAdvanced(): void {
    this.#giveBack().catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, 'could not give back what all have read');
    });
  }

  #keepCursor(): void {
    this.#cursorTimer = undefined;
    this.#cursorFile.write(this.epoch, this.#committedSeq).catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, 'could not write the cursor file');
    });
  }

  #failed(error: unknown): void {
    const fault = `cannot write to ${this.#options.dir}: ${messageOf(error)}`;
    if (this.#fault === '') {
      this.#options.log.error(
        { error: messageOf(error) },
        'buffer cannot write; samples wait in memory and writing is tried again',
      );
    }
    this.#fault = fault;
  }

  #refused(why: string): void {
    // The same driver makes the same mistake at each poll.
    if (why === this.#lastRefusal) return;
    this.#lastRefusal = why;
    this.#options.log.error({ error: why }, 'a frame was dropped');
  }

  #recovered(): void {
    if (this.#fault === '') return;
    this.#fault = '';
    this.#options.log.info({ droppedSamples: this.#droppedSamples }, 'buffer writes again');
  }

  #retryLater(): void {
    if (this.#timer || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#commit();
    }, RETRY_MS);
  }
}
