/**
 * What the gateway has measured and the hub has not committed yet. Frames go into the batch being built; every
 * `commitIntervalMs` the batch becomes one durable record of the disk log (group commit). The hub's committed
 * answers move the cursor, and only what lies behind the cursor is given back.
 *
 * Every segment begins with the catalogue of tags, so whatever part of the log survives explains itself.
 */
import { join } from 'node:path';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { Frame, TagInfo, ValueType } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';
import type { BufferConfig } from './config.ts';
import { CursorFile } from './cursor-file.ts';
import { DiskLog, type LogRecord } from './disk-log.ts';

const MIB = 1024 * 1024;

/** A batch is closed early at this size, so that one record stays far below a segment. Bytes. */
const MAX_BATCH_BYTES = MIB;

/** While the disk refuses to write, this many samples wait in memory; then the newest are dropped and counted. */
const MAX_WAITING_SAMPLES = 500_000;

const RETRY_MS = 1_000;
const CURSOR_WRITE_MS = 1_000;

export interface BufferOptions {
  dir: string;
  config: BufferConfig;
  log: Logger;
  now(): number;
  /** Called after each commit with the new record. Must not throw. */
  onCommit(record: LogRecord): void;
}

export interface BufferStats {
  epoch: string;
  pendingRecords: number;
  pendingSamples: number;
  bytes: number;
  /** Samples made durable since the epoch began. */
  durableSamples: number;
  /** Samples dropped by this process, because the disk was full or did not write. */
  droppedSamples: number;
  damagedPlaces: number;
  /** Why nothing can be written; empty while all is well. */
  fault: string;
}

interface Waiting {
  batch: Buffer;
  samples: number;
}

export class GatewayBuffer {
  readonly #options: BufferOptions;
  readonly #log: DiskLog;
  readonly #cursorFile: CursorFile;
  #writer: BatchWriter;
  #catalog: Buffer = Buffer.alloc(0);
  /** Closed batches that are not durable yet, oldest first. */
  #waiting: Waiting[] = [];
  #waitingSamples = 0;
  #timer: NodeJS.Timeout | undefined;
  #cursorTimer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  #closed = false;
  #committedSeq = 0;
  #committedSamples = 0;
  #droppedSamples = 0;
  #fault = '';

  constructor(options: BufferOptions) {
    this.#options = options;
    this.#log = new DiskLog({
      dir: options.dir,
      segmentBytes: options.config.segmentMiB * MIB,
      log: options.log,
      now: options.now,
    });
    this.#cursorFile = new CursorFile(join(options.dir, 'cursor'));
    this.#writer = new BatchWriter(new Map());
  }

  get epoch(): string {
    return this.#log.epoch;
  }

  get newestSeq(): number {
    return this.#log.newestSeq;
  }

  get oldestSeq(): number {
    return this.#log.oldestSeq;
  }

  /** Everything up to here is the hub's. */
  get committedSeq(): number {
    return this.#committedSeq;
  }

  /** Opens the disk log, recovering what an earlier end left behind. */
  async open(): Promise<void> {
    await this.#log.open();
    const cursor = await this.#cursorFile.read(this.epoch);
    this.#log.skipTo(cursor);
    this.#committedSeq = cursor;
    this.#committedSamples = await this.#samplesAt(cursor);
  }

  /** Tells the buffer what its tags mean. To be called once, before the first frame. */
  describeTags(tags: TagInfo[]): void {
    const types = new Map<number, ValueType>(tags.map((tag) => [tag.id, tag.type]));
    this.#writer = new BatchWriter(types);
    this.#writer.addTags(tags);
    this.#catalog = compressBatch(this.#writer.finish());
    this.#writer.addTags(tags);
    this.#schedule();
  }

  addFrame(frame: Frame): void {
    if (this.#closed) return;
    if (this.#waitingSamples + this.#writer.samples > MAX_WAITING_SAMPLES) {
      this.#droppedSamples += frame.tags.length;
      return;
    }
    this.#writer.addFrame(frame);
    if (this.#writer.bytes > MAX_BATCH_BYTES) this.#closeBatch();
    this.#schedule();
  }

  addAlarm(event: AlarmEvent): void {
    if (this.#closed) return;
    this.#writer.addAlarm(event);
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
    await this.#log.close();
  }

  /** The first record from `seq` on, or undefined when there is none yet. */
  read(seq: number): Promise<LogRecord | undefined> {
    return this.#log.read(seq);
  }

  /**
   * The hub says that it has everything up to `seq`. A lower answer than before is believed too: a hub restored
   * from a backup needs again what it had already committed.
   */
  async committed(seq: number): Promise<void> {
    if (seq === this.#committedSeq) return;
    this.#committedSeq = seq;
    this.#log.skipTo(seq);
    this.#committedSamples = await this.#samplesAt(seq);
    this.#cursorTimer ??= setTimeout(() => this.#keepCursor(), CURSOR_WRITE_MS);
    await this.#release();
  }

  stats(): BufferStats {
    const pendingSamples = Math.max(0, this.#log.totalSamples - this.#committedSamples);
    return {
      epoch: this.epoch,
      pendingRecords: Math.max(0, this.#log.newestSeq - Math.max(this.#committedSeq, this.#log.oldestSeq - 1)),
      pendingSamples,
      bytes: this.#log.bytes,
      durableSamples: this.#log.totalSamples,
      droppedSamples: this.#droppedSamples,
      damagedPlaces: this.#log.damagedPlaces,
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
    this.#waiting.push({ batch: this.#writer.finish(), samples });
    this.#waitingSamples += samples;
  }

  async #commit(): Promise<void> {
    if (this.#committing) return this.#committing;
    this.#closeBatch();
    if (this.#waiting.length === 0) return;
    this.#committing = this.#write().finally(() => {
      this.#committing = undefined;
      if (this.#waiting.length > 0 || !this.#writer.empty) {
        if (this.#fault === '') this.#schedule();
        else this.#retryLater();
      }
    });
    return this.#committing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const { batch, samples } = this.#waiting[0]!;
      try {
        const payload = compressBatch(batch);
        if (!this.#log.fits(payload.length)) await this.#beginSegment();
        const record = await this.#log.append(payload, samples);
        this.#waiting.shift();
        this.#waitingSamples -= samples;
        this.#recovered();
        this.#options.onCommit(record);
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }

  async #beginSegment(): Promise<void> {
    const { maxMiB, segmentMiB } = this.#options.config;
    while (this.#log.bytes + segmentMiB * MIB > maxMiB * MIB && this.#log.oldestSegmentEnd() > 0) {
      await this.#dropOldest();
    }
    await this.#log.roll();
    if (this.#catalog.length > 0) this.#options.onCommit(await this.#log.append(this.#catalog, 0));
  }

  /** The buffer is at its limit: the oldest segment goes. The hub sees the range as a gap by the next `prev`. */
  async #dropOldest(): Promise<void> {
    const end = this.#log.oldestSegmentEnd();
    const last = await this.#log.totalSamplesAt(end);
    const dropped = Math.max(0, last - this.#committedSamples);
    if (dropped > 0) {
      this.#droppedSamples += dropped;
      this.#committedSamples = last;
      const range = { fromSeq: Math.max(this.#committedSeq + 1, this.#log.oldestSeq), toSeq: end, samples: dropped };
      this.#options.log.error(
        range,
        'buffer full: oldest samples dropped; free the disk, raise maxMiB or mend the link',
      );
    }
    await this.#log.release(end);
  }

  async #release(): Promise<void> {
    const keep = this.#options.config.keepCommittedMiB * MIB;
    const pendingSegments = this.#log.segmentsAfter(this.#committedSeq) * this.#options.config.segmentMiB * MIB;
    while (this.#log.bytes - pendingSegments > keep) {
      const end = this.#log.oldestSegmentEnd();
      if (end === 0 || end > this.#committedSeq) return;
      await this.#log.release(end);
    }
  }

  async #samplesAt(seq: number): Promise<number> {
    if (seq <= 0) return this.#samplesBeforeOldest();
    const record = await this.#log.read(seq);
    if (record?.seq === seq) return record.totalSamples;
    // The record is gone: count from the oldest that is left, or nothing is pending at all.
    return record ? this.#samplesBeforeOldest() : this.#log.totalSamples;
  }

  async #samplesBeforeOldest(): Promise<number> {
    // The oldest record of a segment is its catalogue, which holds no samples.
    const oldest = await this.#log.read(Math.max(1, this.#log.oldestSeq));
    return oldest && oldest.seq > 1 ? oldest.totalSamples : 0;
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
