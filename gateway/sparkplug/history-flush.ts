/**
 * Sends what could not be sent in time: record by record from the reader's cursor, marked as historical, no faster
 * than a chosen rate, while live data goes on. It ends where the live data of this connection began.
 */
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Batch, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import type { Metric } from '@lineside/shared/wire/sparkplug/payload.ts';
import { dataMetric, type Sample } from './metrics.ts';

/** A place of its own in the gateway's buffer. */
export interface History {
  /** Names the numbering: with another one, `cursor` and all numbers begin anew. */
  readonly epoch: string;
  readonly cursor: number;
  readonly newestSeq: number;
  /** The first record from `seq` on; undefined when there is none yet. */
  read(seq: number): Promise<{ seq: number; payload: Buffer } | undefined>;
  advance(seq: number): void;
}

export interface HistoryFlushOptions {
  history: History;
  samplesPerSecond: number;
  maxAgeMs: number;
  /** The tag as the births of this connection have named it. */
  tag(id: number): TagInfo | undefined;
  send(device: string, metrics: Metric[]): void;
  congested(): boolean;
  onCaughtUp(): void;
  log: Logger;
  now(): number;
  /** For tests. */
  settleMs?: number | undefined;
}

const TICK_MS = 100;
/** A place in the history. */
export interface Place {
  epoch: string;
  seq: number;
}

/** What was read before the births is in the buffer's records by then. */
const SETTLE_MS = 2_000;
const MAX_METRICS = 2_000;
/** How many records may be given up at once while nobody takes them. */
const MAX_AGED = 2_000;

export class HistoryFlush {
  readonly #options: HistoryFlushOptions;
  readonly #last = new Map<number, Sample>();
  #timer: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  /** The last record to be sent; undefined while that is not known. */
  #end: number | undefined;
  #position = 0;
  #epoch = '';
  /** Newest record when the births went out, and when that was: what came later has been sent live. */
  #newestAtBirth = 0;
  #bornAt = 0;
  #caughtUp = true;
  #busy = false;
  #budget = 0;
  #run = 0;
  #sent = 0;
  #aged = 0;
  #skippedRecords = 0;

  constructor(options: HistoryFlushOptions) {
    this.#options = options;
  }

  /** Records up to here have been handed on. */
  get position(): Place {
    return { epoch: this.#epoch, seq: this.#position };
  }

  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** The births are out. */
  start(): void {
    const { history, now, settleMs = SETTLE_MS } = this.#options;
    this.stop();
    this.#epoch = history.epoch;
    this.#position = history.cursor;
    this.#newestAtBirth = history.newestSeq;
    this.#bornAt = now();
    this.#caughtUp = false;
    this.#end = undefined;
    this.#sent = this.#aged = this.#skippedRecords = 0;
    this.#last.clear();
    this.#settle = setTimeout(() => {
      this.#end = history.newestSeq;
    }, settleMs);
    this.#timer = setInterval(() => void this.#tick(this.#run), TICK_MS);
  }

  stop(): void {
    clearTimeout(this.#settle);
    clearInterval(this.#timer);
    this.#caughtUp = true;
    this.#run++;
  }

  /** Gives up what has become too old while nobody takes it, so that it does not fill the disk. */
  async age(): Promise<void> {
    const { history, maxAgeMs, now } = this.#options;
    try {
      for (let count = 0; count < MAX_AGED; count++) {
        const record = await history.read(history.cursor + 1);
        if (!record) return;
        const newest = readRecord(record.payload)?.frames.at(-1)?.receivedAt ?? 0;
        if (newest > now() - maxAgeMs || !this.#caughtUp) return;
        history.advance(record.seq);
      }
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'cannot read the buffer for Sparkplug; trying again');
    }
  }

  async #tick(run: number): Promise<void> {
    const { samplesPerSecond, history, congested } = this.#options;
    if (this.#busy) return;
    if (this.#epoch !== history.epoch) {
      this.start();
      return;
    }
    this.#busy = true;
    const share = (samplesPerSecond * TICK_MS) / 1_000;
    // A record may be larger than a share: then the next ticks are without.
    this.#budget = Math.min(share, this.#budget + share);
    try {
      while (this.#budget > 0 && !congested() && run === this.#run) {
        if (this.#end !== undefined && this.#position >= this.#end) {
          this.#finish();
          return;
        }
        const record = await history.read(this.#position + 1);
        if (!record || run !== this.#run) return;
        this.#hand(record);
      }
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'cannot read the buffer for Sparkplug; trying again');
    } finally {
      this.#busy = false;
    }
  }

  #hand({ seq, payload }: { seq: number; payload: Buffer }): void {
    const batch = readRecord(payload);
    this.#position = seq;
    if (!batch) {
      this.#skippedRecords++;
      return;
    }
    this.#budget -= batch.tags.length;
    const liveFrom = seq > this.#newestAtBirth ? this.#bornAt : Number.POSITIVE_INFINITY;
    for (const [device, metrics] of this.#metricsOf(batch, liveFrom)) {
      for (let from = 0; from < metrics.length; from += MAX_METRICS) {
        this.#options.send(device, metrics.slice(from, from + MAX_METRICS));
      }
      this.#sent += metrics.length;
    }
  }

  #metricsOf(batch: Batch, liveFrom: number): Map<string, Metric[]> {
    const { maxAgeMs, now, tag: find } = this.#options;
    const at = now();
    const byDevice = new Map<string, Metric[]>();
    for (const { device, receivedAt, from, to, historical } of batch.frames) {
      if (receivedAt > liveFrom) continue;
      if (receivedAt < at - maxAgeMs) {
        this.#aged += to - from;
        continue;
      }
      const metrics = byDevice.get(device) ?? [];
      byDevice.set(device, metrics);
      for (let i = from; i < to; i++) {
        const tag = find(batch.tags[i]!);
        const sample = { sourceAt: batch.sourceAt[i]!, value: batch.values.at(i), quality: batch.quality[i]! };
        if (!tag || (!historical && this.#isAsBefore(tag.id, sample))) continue;
        metrics.push({ ...dataMetric(tag.id, tag.type, sample, receivedAt, false), isHistorical: true });
      }
      if (metrics.length === 0) byDevice.delete(device);
    }
    return byDevice;
  }

  #isAsBefore(tag: number, sample: Sample): boolean {
    const last = this.#last.get(tag);
    if (last?.value === sample.value && last.quality === sample.quality) return true;
    this.#last.set(tag, sample);
    return false;
  }

  #finish(): void {
    this.stop();
    this.#last.clear();
    const { log, onCaughtUp } = this.#options;
    const said = { samples: this.#sent, tooOld: this.#aged, unreadableRecords: this.#skippedRecords };
    if (this.#sent + this.#aged + this.#skippedRecords > 0) log.info(said, 'Sparkplug history sent');
    onCaughtUp();
  }
}

/** Null when it cannot be read: the hub names that gap. */
function readRecord(payload: Buffer): Batch | null {
  try {
    return readBatch(decompressBatch(payload));
  } catch {
    return null;
  }
}
