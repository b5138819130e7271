/**
 * One ordered stream of records with an epoch of its own: what comes in is gathered in a batch, and every
 * `commitIntervalMs` the batch becomes one durable record (group commit). While the disk refuses, closed batches
 * wait in memory, and it is tried again for ever.
 */
import type { TagInfo, ValueType } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';
import type { LogRecord } from './disk-log.ts';
import { LaneFull, LaneLog, type LaneLogOptions } from './lane-log.ts';

/** A batch is closed early at this size, so that one record stays far below a segment. Bytes. */
const MAX_BATCH_BYTES = 1024 * 1024;

const RETRY_MS = 1_000;

export interface LaneOptions extends Omit<LaneLogOptions, 'onRecord'> {
  name: 'samples' | 'urgent';
  commitIntervalMs: number;
  /** A batch is closed early at this size. Bytes; 1 MiB when absent. */
  maxBatchBytes?: number;
  /** The catalogue is written with the first entry behind it, and not before there is one. */
  quiet: boolean;
  /** Called after each commit with the new record. Must not throw. */
  onCommit(record: LogRecord): void;
  /** A batch was thrown away because the lane is full and keeps what it has. Times are those of `add`. */
  onRefused(samples: number, fromAt: number, toAt: number): void;
  /** A batch is lost because the disk did not take it until the end. */
  onLostAtEnd(samples: number, fromAt: number, toAt: number): void;
}

interface Waiting {
  payload: Buffer;
  samples: number;
  /** Before it was compressed: what it is counted with against the bound of the memory. */
  bytes: number;
  /** The catalogue that explains it, should a segment begin with it. */
  catalog: Buffer;
  fromAt: number;
  toAt: number;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly log: LaneLog;
  readonly #types = new Map<number, ValueType>();
  readonly #writer: BatchWriter;
  /** Of the batch being built. */
  #catalog: Buffer = Buffer.alloc(0);
  /** Tags that the next entry has to be told with. */
  #untold: TagInfo[] = [];
  /** When something was first and last added to the batch being built. */
  #fromAt = 0;
  #toAt = 0;
  /** Closed batches that are not durable yet, oldest first. */
  #waiting: Waiting[] = [];
  #waitingSamples = 0;
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  #isOpen = false;
  #closed = false;
  fault = '';

  constructor(options: LaneOptions) {
    this.#options = options;
    this.log = new LaneLog({ ...options, onRecord: (record) => this.#tell(record) });
    this.#writer = new BatchWriter(this.#types);
  }

  get epoch(): string {
    return this.log.epoch;
  }

  get newestSeq(): number {
    return this.log.newestSeq;
  }

  get oldestSeq(): number {
    return this.log.oldestSeq;
  }

  /** Everything up to here is the hub's. */
  get committedSeq(): number {
    return this.log.committedSeq;
  }

  /** Samples and bytes that wait in memory. */
  get samplesInMemory(): number {
    return this.#waitingSamples + this.#writer.samples;
  }

  get bytesInMemory(): number {
    return this.#waitingBytes + this.#writer.bytes;
  }

  /** The first record from `seq` on, or undefined when there is none yet. */
  read(seq: number): Promise<LogRecord | undefined> {
    return this.log.read(seq);
  }

  /**
   * Until then, what is added waits: damage that is found while the log opens becomes an event of it.
   *
   * @throws LinesideError BUFFER_DIR_UNUSABLE; see LaneLog.open
   */
  async open(declaredTo?: (epoch: string) => Promise<number>): Promise<void> {
    await this.log.open(declaredTo);
    this.#isOpen = true;
    if (!this.#writer.empty || this.#waiting.length > 0) this.#schedule();
  }

  /** Flushes and closes. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.flush().catch((error: unknown) => {
      const words = this.#options.name === 'urgent' ? 'alarms or events lost at the end' : 'samples lost at the end';
      this.#options.log.error({ error: messageOf(error), samples: this.#waitingSamples }, words);
      for (const { samples, fromAt, toAt } of this.#waiting) this.#options.onLostAtEnd(samples, fromAt, toAt);
    });
    await this.log.close();
  }

  /** What comes from now on is about these tags. */
  describeTags(tags: TagInfo[]): void {
    const describing = new BatchWriter(this.#types);
    describing.addTags(tags);
    const catalog = compressBatch(describing.finish());
    if (catalog.equals(this.#catalog)) return;
    this.#closeBatch();
    for (const tag of tags) this.#types.set(tag.id, tag.type);
    this.#catalog = catalog;
    this.#untold = tags;
    if (!this.#options.quiet) this.add(() => undefined);
  }

  /** Adds to the batch being built. What `put` throws is thrown again, and nothing was added then. */
  add(put: (writer: BatchWriter) => void): void {
    if (this.#closed) return;
    if (this.#writer.empty) this.#fromAt = this.#options.now();
    if (this.#untold.length > 0) this.#writer.addTags(this.#untold);
    this.#untold = [];
    try {
      put(this.#writer);
    } finally {
      this.#toAt = this.#options.now();
      if (this.#writer.bytes > (this.#options.maxBatchBytes ?? MAX_BATCH_BYTES)) this.#closeBatch();
      this.#schedule();
    }
  }

  /** Makes everything added so far durable. Rejects when the disk does not take it now; it is tried again. */
  async flush(): Promise<void> {
    this.#closeBatch();
    while (this.#committing) await this.#committing;
    await this.#commit();
    if (this.fault !== '') throw new Error(this.fault);
  }

  /**
   * The hub says that it has everything up to `seq`. A lower answer than before is believed too: a hub restored
   * from a backup needs again what it had already committed. Never rejects: what the disk refuses here is tried
   * again at the next answer.
   */
  async committed(seq: number, sentTo = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#closed || seq === this.log.committedSeq) return;
    try {
      if (this.log.isBehind(seq, sentTo)) {
        await this.#inTurn(() => this.log.writeBehind(seq, sentTo, this.#catalog));
      }
      await this.log.committed(seq);
    } catch (error) {
      this.#options.log.warn({ seq, error: messageOf(error) }, 'could not follow what the hub has committed');
    }
  }

  /** Gives up what is older than the limit of age. Never rejects. */
  async dropOld(): Promise<void> {
    if (this.#closed) return;
    await this.#inTurn(() => this.log.dropOld()).catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, 'could not give up what is too old; trying again');
    });
  }

  #schedule(): void {
    if (!this.#isOpen || this.#timer || this.#committing || this.#closed) return;
    this.#commitIn(this.#options.commitIntervalMs);
  }

  #commitIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#commit();
    }, ms);
  }

  #closeBatch(): void {
    if (this.#writer.empty) return;
    const samples = this.#writer.samples;
    const batch = this.#writer.finish();
    const [catalog, fromAt, toAt] = [this.#catalog, this.#fromAt, this.#toAt];
    // Here, and not when it is written: this may be while the one before is on its way to the disk.
    this.#waiting.push({ payload: compressBatch(batch), samples, bytes: batch.length, catalog, fromAt, toAt });
    this.#waitingSamples += samples;
    this.#waitingBytes += batch.length;
  }

  async #commit(): Promise<void> {
    if (this.#committing) return this.#committing;
    this.#closeBatch();
    if (this.#waiting.length === 0 || !this.#isOpen) return;
    await this.#exclusively(() => this.#write());
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    while (this.#committing) await this.#committing;
    await this.#exclusively(write);
  }

  /** One at a time writes to the log. To be called only while nothing is committing. */
  #exclusively(write: () => Promise<void>): Promise<void> {
    const done = write().finally(() => {
      this.#committing = undefined;
      if (this.#waiting.length === 0 && this.#writer.empty) return;
      if (this.fault === '') this.#schedule();
      else if (!this.#timer && !this.#closed) this.#commitIn(RETRY_MS);
    });
    // Whoever waits for its turn does not care how this one ended.
    this.#committing = done.catch(() => undefined);
    return done;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const { payload, samples, bytes, catalog, fromAt, toAt } = this.#waiting[0]!;
      try {
        await this.log.append(payload, samples, catalog);
      } catch (error) {
        if (!(error instanceof LaneFull)) {
          this.#failed(error);
          return;
        }
        this.#options.onRefused(samples, fromAt, toAt);
      }
      this.#waiting.shift();
      this.#waitingSamples -= samples;
      this.#waitingBytes -= bytes;
      this.#recovered();
    }
  }

  #tell(record: LogRecord): void {
    try {
      this.#options.onCommit(record);
    } catch (error) {
      // The record is durable: a listener's mistake must not make it be written again.
      this.#options.log.error({ seq: record.seq, error: messageOf(error) }, 'a listener of the buffer failed');
    }
  }

  #failed(error: unknown): void {
    if (this.fault === '') {
      this.#options.log.error(
        { lane: this.#options.name, error: messageOf(error) },
        'buffer cannot write; samples wait in memory and writing is tried again',
      );
    }
    this.fault = `cannot write to ${this.#options.dir}: ${messageOf(error)}`;
  }

  #recovered(): void {
    if (this.fault === '') return;
    this.fault = '';
    this.#options.log.info({ lane: this.#options.name }, 'buffer writes again');
  }
}
