/**
 * What the gateway has measured and the hub has not committed yet, in two lanes: samples, and what is urgent (alarms
 * and events). Each lane is a log with an epoch of its own, so that the urgent one overtakes a backlog of samples
 * and is never dropped for them.
 */
import { dirname, join } from 'node:path';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { DropEvent, GatewayEvent } from '@lineside/shared/contracts/event.ts';
import type { Frame, TagInfo } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Value } from 'typebox/value';
import { BufferConfig } from './config.ts';
import { declaredTo } from './declared-drops.ts';
import type { LogRecord } from './disk-log.ts';
import { DropTally } from './drop-tally.ts';
import { Lane } from './lane.ts';
import type { BufferReader } from './readers.ts';
import { Thinner } from './thinner.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

/** While the disk refuses to write, so much waits in memory; then the newest is dropped and counted. */
const MAX_WAITING_SAMPLES = 500_000;
const MAX_WAITING_BYTES = 32 * MIB;

/** What is urgent is little: its files are small, so that they are full and given back before long. */
const URGENT_SEGMENT_BYTES = MIB;
const URGENT_BATCH_BYTES = MIB / 8;

/** How long a drop that is told in one event goes on. Milliseconds. */
const TALLY_MS = 10_000;
const AGE_CHECK_MS = 60_000;
/** A directory that was moved away by mistake has so long to come back. Milliseconds. */
const REBIRTH_MS = 5_000;

/** Thinning begins when the backlog takes this share of the limit, and ends when it is below the other. */
const THIN_FROM = 0.75;
const THIN_UNTIL = 0.6;

export interface BufferOptions {
  dir: string;
  /** What is absent has its default. */
  config: Partial<BufferConfig>;
  log: Logger;
  now(): number;
  /** Called after each commit with the new record. Must not throw. */
  onCommit(record: LogRecord, lane: 'samples' | 'urgent'): void;
  /** Names of those who read besides the hub; see `reader`. Lower-case letters, digits and dashes. */
  readers?: readonly string[];
  /** The directory was removed and made anew: the epoch is another one, and its tags have to be told again. */
  onRebirth?(): void;
  /** Milliseconds; 5,000 when absent. */
  rebirthMs?: number;
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
  /** Samples dropped by this process, for whatever reason but damage. */
  droppedSamples: number;
  droppedByReason: Record<string, number>;
  /** Alarms and events dropped by this process, because the disk did not write for long. */
  droppedAlarms: number;
  damagedPlaces: number;
  /** Alarms and events. */
  urgent: { epoch: string; pendingRecords: number; bytes: number };
  /** Samples are being thinned because the buffer fills up. */
  thinning: boolean;
  /** Those who read besides the hub. */
  readers: { name: string; pendingRecords: number; droppedSamples: number }[];
  /** Why nothing can be written; empty while all is well. */
  fault: string;
}

export class GatewayBuffer {
  readonly #options: BufferOptions;
  readonly #config: BufferConfig;
  readonly samples: Lane;
  readonly urgent: Lane;
  readonly #tally: DropTally;
  readonly #thinner: Thinner;
  #thinning = false;
  #tallyTimer: NodeJS.Timeout | undefined;
  #ageTimer: NodeJS.Timeout | undefined;
  /** The drop that was declared last: one that the disk did not take at once is not written twice. */
  #declared = '';
  #closed = false;
  #lastRefusal = '';

  constructor(options: BufferOptions) {
    const { dir, log, now } = options;
    const config = { ...(Value.Default(BufferConfig, {}) as BufferConfig), ...options.config };
    this.#options = options;
    this.#config = config;
    this.#tally = new DropTally(now);
    this.#thinner = new Thinner(config.thinMs);
    const shared = {
      ...{ parent: dirname(dir), log, now, commitIntervalMs: config.commitIntervalMs },
      rebirthMs: options.rebirthMs ?? REBIRTH_MS,
      tell: (drop: DropEvent) => this.#tellDrop(drop),
    };
    this.samples = new Lane({
      ...shared,
      name: 'samples',
      dir,
      // Dropping the oldest needs some files to choose from, within the limit.
      segmentBytes: Math.min(config.segmentMiB, Math.floor(config.maxMiB / 4)) * MIB,
      maxBytes: config.maxMiB * MIB,
      keepCommittedBytes: config.keepCommittedMiB * MIB,
      maxAgeMs: config.maxAgeHours > 0 ? config.maxAgeHours * HOUR_MS : Number.POSITIVE_INFINITY,
      whenFull: config.whenFull === 'dropNewest' ? 'dropNewest' : 'dropOldest',
      readers: options.readers ?? [],
      quiet: false,
      declare: (drop) => this.#declare(drop),
      onRebirth: () => options.onRebirth?.(),
      onCommit: (record) => options.onCommit(record, 'samples'),
      onRefused: (samples, fromAt, toAt) => this.#drop('bufferFull', samples, fromAt, toAt),
      onLostAtEnd: (samples, fromAt, toAt) => this.#drop('diskFault', samples, fromAt, toAt),
    });
    this.urgent = new Lane({
      ...shared,
      name: 'urgent',
      dir: join(dir, 'urgent'),
      segmentBytes: URGENT_SEGMENT_BYTES,
      maxBatchBytes: URGENT_BATCH_BYTES,
      maxBytes: config.urgentMiB * MIB,
      keepCommittedBytes: 0,
      maxAgeMs: Number.POSITIVE_INFINITY,
      whenFull: 'dropOldest',
      readers: [],
      quiet: true,
      declare: null,
      onRebirth: () => undefined,
      onCommit: (record) => options.onCommit(record, 'urgent'),
      onRefused: () => undefined,
      onLostAtEnd: () => undefined,
    });
  }

  get epoch(): string {
    return this.samples.epoch;
  }

  /** Newest record of the samples on disk; 0 when there is none. */
  get newestSeq(): number {
    return this.samples.newestSeq;
  }

  /** Oldest number of the samples' records that may still be on disk; 0 when there is no record. */
  get oldestSeq(): number {
    return this.samples.oldestSeq;
  }

  /** Of the samples, everything up to here is the hub's. */
  get committedSeq(): number {
    return this.samples.committedSeq;
  }

  /**
   * Opens both lanes, recovering what an earlier end left behind.
   *
   * @throws LinesideError BUFFER_DIR_UNUSABLE; no damage within the directory keeps it from opening.
   */
  async open(): Promise<void> {
    await this.urgent.open();
    // Refused now, it is tried again with the first alarm.
    await this.urgent.log.reserve().catch(() => undefined);
    await this.samples.open((epoch) => declaredTo(this.urgent, epoch));
    if (this.#config.maxAgeHours > 0) {
      await this.samples.dropOld();
      this.#ageTimer = setInterval(() => void this.samples.dropOld(), AGE_CHECK_MS);
    }
  }

  /**
   * Tells the buffer what its tags mean: before the first frame, and again whenever that changes, before the first
   * frame with a new tag. What came before keeps the catalogue that was in force then.
   */
  describeTags(tags: TagInfo[]): void {
    this.#thinner.describeTags(tags);
    this.samples.describeTags(tags);
    this.urgent.describeTags(tags);
  }

  /** Never throws: a frame that cannot be encoded is dropped, counted and told. */
  addFrame(frame: Frame): void {
    if (this.#closed) return;
    const kept = this.#config.whenFull === 'thin' ? this.#thin(frame) : frame;
    const count = kept.tags.length;
    if (count === 0) return;
    const { samplesInMemory, bytesInMemory } = this.samples;
    if (samplesInMemory + count > MAX_WAITING_SAMPLES || bytesInMemory > MAX_WAITING_BYTES) {
      this.#drop('diskFault', count);
      return;
    }
    try {
      this.samples.add((writer) => writer.addFrame(kept));
    } catch (error) {
      this.#drop('malformed', count);
      this.#refused(messageOf(error));
    }
  }

  addAlarm(event: AlarmEvent): void {
    this.#addUrgent(() => this.urgent.add((writer) => writer.addAlarm(event)));
  }

  addEvent(event: GatewayEvent): void {
    this.#addUrgent(() => this.urgent.add((writer) => writer.addEvent(event)));
  }

  /** Makes everything added so far durable. Rejects when the disk does not take it now; it is tried again. */
  async flush(): Promise<void> {
    try {
      await this.samples.flush();
    } finally {
      await this.urgent.flush();
    }
  }

  /** The same for alarms and events alone. */
  flushUrgent(): Promise<void> {
    return this.urgent.flush();
  }

  /** Flushes and closes. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ageTimer);
    clearTimeout(this.#tallyTimer);
    await this.samples.close();
    this.#tellTally();
    await this.urgent.close();
  }

  /** Of the samples, the first record from `seq` on, or undefined when there is none yet. */
  read(seq: number): Promise<LogRecord | undefined> {
    return this.samples.read(seq);
  }

  /**
   * The view of one who reads samples besides the hub, with a cursor of its own that survives restarts. Records stay
   * until each reader is done with them, unless the byte limit takes them.
   *
   * @param name one of `BufferOptions.readers`
   */
  reader(name: string): BufferReader {
    return this.samples.log.readers.get(name);
  }

  /** The hub has the samples up to `seq`; see `Lane.committed`. */
  committed(seq: number, sentTo?: number): Promise<void> {
    return this.samples.committed(seq, sentTo);
  }

  stats(): BufferStats {
    const { samples, urgent } = this;
    const { newestSeq, oldestSeq } = samples;
    const dropped = addUp(samples.log.dropped, this.#tally.dropped);
    return {
      epoch: this.epoch,
      pendingRecords: samples.log.pendingRecords,
      pendingSamples: samples.log.pendingSamples,
      bytes: samples.log.bytes,
      durableSamples: samples.log.totalSamples,
      droppedSamples: Object.values(dropped).reduce((sum, count) => sum + count, 0),
      droppedByReason: dropped,
      droppedAlarms: this.#tally.droppedAlarms,
      damagedPlaces: samples.log.damagedPlaces + urgent.log.damagedPlaces,
      urgent: { epoch: urgent.epoch, pendingRecords: urgent.log.pendingRecords, bytes: urgent.log.bytes },
      thinning: this.#thinning,
      readers: samples.log.readers.all().map(({ name, cursor, droppedSamples }) => ({
        name,
        pendingRecords: Math.max(0, newestSeq - Math.max(cursor, oldestSeq - 1)),
        droppedSamples,
      })),
      fault: samples.fault || urgent.fault,
    };
  }

  #addUrgent(add: () => void): void {
    if (this.#closed) return;
    if (this.urgent.bytesInMemory <= MAX_WAITING_BYTES) {
      add();
      return;
    }
    this.#tally.addAlarm();
    this.#tellSoon();
  }

  #thin(frame: Frame): Frame {
    const share = this.samples.log.pendingBytes / (this.#config.maxMiB * MIB);
    if (this.#thinning ? share < THIN_UNTIL : share >= THIN_FROM) {
      this.#thinning = !this.#thinning;
      this.#thinner.reset();
      const words = this.#thinning
        ? 'buffer fills up: samples are thinned'
        : 'buffer has room again: no more thinning';
      this.#options.log.warn({ share: Math.round(share * 100) / 100, thinMs: this.#config.thinMs }, words);
    }
    if (!this.#thinning) return frame;
    const kept = this.#thinner.filter(frame);
    if (kept !== frame) this.#drop('thinned', frame.tags.length - kept.tags.length);
    return kept;
  }

  #drop(...args: Parameters<DropTally['add']>): void {
    this.#tally.add(...args);
    this.#tellSoon();
  }

  #tellSoon(): void {
    if (!this.#closed) this.#tallyTimer ??= setTimeout(() => this.#tellTally(), TALLY_MS);
  }

  #tellTally(): void {
    this.#tallyTimer = undefined;
    for (const drop of this.#tally.take()) this.urgent.add((writer) => writer.addEvent(drop));
  }

  /** Resolves when the drop is on disk. */
  async #declare(drop: DropEvent): Promise<void> {
    const key = `${drop.epoch} ${drop.reason} ${drop.toSeq}`;
    if (key !== this.#declared) this.urgent.add((writer) => writer.addEvent(drop));
    this.#declared = key;
    await this.urgent.flush();
  }

  /** Never rejects: what was lost is lost, and the event stays in memory until the disk takes it. */
  async #tellDrop(drop: DropEvent): Promise<void> {
    const isOwn = drop.epoch === this.urgent.epoch;
    this.urgent.add((writer) => writer.addEvent(drop));
    // The urgent lane finds its own damage while it opens or reads; it must not wait for itself.
    if (!isOwn) await this.urgent.flush().catch(() => undefined);
  }

  #refused(why: string): void {
    // The same driver makes the same mistake at each poll.
    if (why === this.#lastRefusal) return;
    this.#lastRefusal = why;
    this.#options.log.error({ error: why }, 'a frame was dropped');
  }
}

function addUp(...counts: ReadonlyMap<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [reason, samples] of counts.flatMap((map) => [...map])) sums[reason] = (sums[reason] ?? 0) + samples;
  return sums;
}
