/**
 * One lane of the buffer on disk: the log, how far the hub has committed it, who else reads it, and its limits.
 * Whatever is given up before the hub has it is declared first, so that no crash makes a gap without a name.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { DropEvent } from '@lineside/shared/contracts/event.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { AgeClock } from './age-clock.ts';
import { CursorFile } from './cursor-file.ts';
import { DiskLog, type LogRecord } from './disk-log.ts';
import { eventPayload } from './event-payload.ts';
import { ReaderSet } from './readers.ts';
import type { Damage } from './segment-loader.ts';

const CURSOR_WRITE_MS = 1_000;
/** How often it is looked whether the directory is still there. Milliseconds. */
const LOOK_MS = 1_000;

export interface LaneLogOptions {
  dir: string;
  /** While this is there and `dir` is not, `dir` was removed; else a disk is missing that may come back. */
  parent: string;
  segmentBytes: number;
  maxBytes: number;
  keepCommittedBytes: number;
  /** What is older is given up; infinite for no limit. Milliseconds. */
  maxAgeMs: number;
  /** At the limit: the oldest goes, or nothing more is taken. */
  whenFull: 'dropOldest' | 'dropNewest';
  /** A removed directory is made anew after so long. Milliseconds. */
  rebirthMs: number;
  readers: readonly string[];
  log: Logger;
  now(): number;
  onRecord(record: LogRecord): void;
  /**
   * Makes a drop durable before it is carried out; a rejection keeps it from being carried out now. Null when this
   * log keeps its own.
   */
  declare: ((drop: DropEvent) => Promise<void>) | null;
  /** Tells of a loss that nobody can prevent any more. Must not reject. */
  tell(drop: DropEvent): Promise<void>;
  /** A removed directory was made anew. */
  onRebirth(): void;
}

/** The lane is at its limit and keeps what it has. */
export class LaneFull extends Error {}

export class LaneLog {
  readonly #options: LaneLogOptions;
  readonly #cursorFile: CursorFile;
  readonly #ages: AgeClock;
  readonly readers: ReaderSet;
  #log: DiskLog;
  #cursorTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #goneSince: number | undefined;
  committedSeq = 0;
  #committedSamples = 0;
  /** Samples up to the newest that was dropped to keep the limit. */
  #goneSamples = 0;
  /** Up to here drops have been declared, by this process or the one before. */
  #declaredTo = 0;
  /** Samples that this process has dropped, by reason. */
  readonly dropped = new Map<string, number>();
  /** Newest number in use when this process began. */
  #openedAt = 0;
  /** Newest of the records that have to be written once more, see `writeBehind`. */
  #behind = 0;

  constructor(options: LaneLogOptions) {
    this.#options = options;
    this.#log = this.#makeLog();
    this.#ages = new AgeClock(options.now);
    this.#cursorFile = new CursorFile(join(options.dir, 'cursor'));
    this.readers = new ReaderSet({
      dir: options.dir,
      names: options.readers,
      log: options.log,
      read: (seq) => this.#log.read(seq),
      onAdvance: () => this.#readerAdvanced(),
    });
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

  get totalSamples(): number {
    return this.#log.totalSamples;
  }

  get pendingRecords(): number {
    return Math.max(0, this.#log.newestSeq - Math.max(this.committedSeq, this.#log.oldestSeq - 1));
  }

  get pendingSamples(): number {
    return Math.max(0, this.#log.totalSamples - this.#committedSamples);
  }

  /** Disk space of what the hub does not have, in whole files. */
  get pendingBytes(): number {
    return this.#log.segmentsAfter(this.committedSeq) * this.#options.segmentBytes;
  }

  get bytes(): number {
    return this.#log.bytes;
  }

  get damagedPlaces(): number {
    return this.#log.damagedPlaces;
  }

  /**
   * @param declaredTo of an epoch: up to here the process before has declared drops, and perhaps not carried out
   * @throws LinesideError BUFFER_DIR_UNUSABLE; no damage within the directory keeps it from opening
   */
  async open(declaredTo: (epoch: string) => Promise<number> = () => Promise.resolve(0)): Promise<void> {
    await this.#log.open();
    const cursor = await this.#cursorFile.read(this.epoch);
    await this.readers.open(this.epoch);
    this.#log.skipTo(cursor);
    this.#openedAt = this.#log.usedSeq;
    this.committedSeq = cursor;
    try {
      this.#declaredTo = await declaredTo(this.epoch);
      if (this.#declaredTo > 0) await this.#log.release(this.#declaredTo);
      await this.#moveCursor(cursor);
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, 'cannot tell how much the hub does not have yet');
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#cursorTimer);
    await this.#cursorFile.write(this.epoch, this.committedSeq).catch(() => undefined);
    await this.readers.close();
    await this.#log.close().catch(() => undefined);
  }

  read(seq: number): Promise<LogRecord | undefined> {
    return this.#log.read(seq);
  }

  /** Begins the first segment, so that a disk that fills up later has room for what is urgent. */
  async reserve(): Promise<void> {
    if (this.#log.bytes === 0) await this.#log.roll();
  }

  /**
   * Writes a record; it is durable when this resolves. Not to be called again before it has settled.
   *
   * @param catalog what a segment that begins with this record says first; may be empty
   * @throws LaneFull when there is no room and the policy is to take nothing more then
   */
  async append(payload: Buffer, samples: number, catalog: Buffer): Promise<void> {
    await this.#look();
    if (!this.#log.fits(payload.length) || this.#shouldEnd()) await this.#beginSegment(catalog);
    this.#options.onRecord(await this.#log.append(payload, samples));
  }

  /** The hub says that it has everything up to `seq`. Rejects with the file system's error. */
  async committed(seq: number): Promise<void> {
    await this.#moveCursor(seq);
    if (this.#closed) return;
    this.#cursorTimer ??= setTimeout(() => this.#keepCursor(), CURSOR_WRITE_MS);
  }

  /**
   * Whether this disk has lost what the hub has, so that `writeBehind` has to come before the cursor moves.
   *
   * @param sentTo newest record that this process has given the hub: newer ones were its predecessor's
   */
  isBehind(seq: number, sentTo: number): boolean {
    return this.#hasLost(seq, sentTo) || this.#behind > this.#openedAt;
  }

  #hasLost(seq: number, sentTo: number): boolean {
    return seq > this.#log.usedSeq || seq > Math.max(this.#openedAt, sentTo);
  }

  /**
   * The hub knows records that this disk has lost (a card that lied about its sync, a directory restored from a
   * copy). It takes what was written since under their numbers for repeats of them: so that is written once more,
   * behind what the hub knows. Not while something is appended.
   */
  async writeBehind(seq: number, sentTo: number, catalog: Buffer): Promise<void> {
    if (this.#hasLost(seq, sentTo)) this.#behind = Math.min(this.#log.newestSeq, seq);
    this.#log.skipTo(seq);
    while (this.#openedAt < this.#behind) {
      const record = await this.#log.read(this.#openedAt + 1);
      if (!record || record.seq > this.#behind) break;
      await this.append(record.payload, record.samples, catalog);
      this.#openedAt = record.seq;
    }
    this.#openedAt = Math.max(this.#openedAt, seq);
    this.#options.log.warn({ seq }, 'the hub has records that this disk has lost; going on behind them');
  }

  /** Gives up what is older than the limit of age. */
  async dropOld(): Promise<void> {
    if (!Number.isFinite(this.#options.maxAgeMs)) return;
    while (true) {
      const endedAt = await this.#log.oldestEndedAt();
      if (endedAt === null || this.#ages.ageOf(endedAt) <= this.#options.maxAgeMs) return;
      await this.#dropOldest('tooOld');
    }
  }

  #makeLog(): DiskLog {
    const { dir, segmentBytes, log, now, readers } = this.#options;
    const onDamage = (damage: Damage) => this.#options.tell(this.#dropOf('damaged', damage));
    return new DiskLog({ dir, segmentBytes, log, now, readers: 1 + readers.length, onDamage });
  }

  #dropOf(reason: string, { fromSeq, toSeq, samples, fromAt, toAt }: Damage): DropEvent {
    const at = this.#options.now();
    return { kind: 'drop', at, reason, epoch: this.epoch, samples, fromSeq, toSeq, fromAt, toAt };
  }

  /** A limit of age works on whole segments, so one must not stay open for long. */
  #shouldEnd(): boolean {
    const { maxAgeMs } = this.#options;
    const bornAt = this.#log.activeBornAt;
    return Number.isFinite(maxAgeMs) && bornAt !== null && this.#ages.ageOf(bornAt) > maxAgeMs / 10;
  }

  async #beginSegment(catalog: Buffer): Promise<void> {
    const { declare, maxBytes, segmentBytes } = this.#options;
    const isFull = () => this.#log.bytes + segmentBytes > maxBytes && this.#log.oldestSegmentEnd() > 0;
    if (declare) while (isFull()) await this.#makeRoom();
    await this.#log.roll();
    if (catalog.length > 0) this.#options.onRecord(await this.#log.append(catalog, 0));
    // The drop is written into the new segment, before the oldest goes.
    if (!declare) while (isFull()) await this.#dropOldest('bufferFull');
  }

  async #makeRoom(): Promise<void> {
    const { whenFull } = this.#options;
    if (whenFull === 'dropNewest' && this.#log.oldestSegmentEnd() > this.committedSeq) {
      throw new LaneFull('the buffer is full and keeps what it has');
    }
    await this.#dropOldest('bufferFull');
  }

  /** The oldest segment goes. The hub sees the range as a gap by the next `prev`, and its cause by the drop. */
  async #dropOldest(reason: 'bufferFull' | 'tooOld'): Promise<void> {
    const end = this.#log.oldestSegmentEnd();
    const fromSeq = Math.max(this.committedSeq + 1, this.#log.oldestSeq);
    const last = await this.#log.samplesUpTo(end);
    const countLosses = await this.readers.aboutToDrop(this.#log.oldestSeq, end, (seq) => this.#log.samplesUpTo(seq));
    if (fromSeq <= end && end > this.#declaredTo) await this.#declare(reason, fromSeq, end, last);
    await this.#log.release(end);
    countLosses();
    this.#goneSamples = last;
    // Counted now and not before: the hub may have answered in the meantime.
    const samples = last - this.#committedSamples;
    if (samples <= 0) return;
    this.#countDrop(reason, samples);
    this.#committedSamples = last;
    const words = reason === 'tooOld' ? 'samples too old: dropped' : 'buffer full: oldest samples dropped';
    this.#options.log.error(
      { fromSeq, toSeq: end, samples },
      `${words}; free the disk, raise ${reason === 'tooOld' ? 'maxAgeHours' : 'maxMiB'} or mend the link`,
    );
  }

  #countDrop(reason: string, samples: number): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + samples);
  }

  /** @param last samples up to the newest record that goes */
  async #declare(reason: string, fromSeq: number, toSeq: number, last: number): Promise<void> {
    // What cannot be read any more is counted by its neighbours, and must not stay for ever.
    const records = await this.#log.oldestRecords(fromSeq).catch(() => null);
    const drop = this.#dropOf(reason, {
      fromSeq,
      toSeq,
      samples: records
        ? records.reduce((sum, record) => sum + record.samples, 0)
        : Math.max(0, last - this.#committedSamples),
      fromAt: records?.[0]?.appendedAt ?? null,
      toAt: records?.at(-1)?.appendedAt ?? null,
    });
    if (this.#options.declare) await this.#options.declare(drop);
    else this.#options.onRecord(await this.#log.append(eventPayload(drop), 0));
    this.#declaredTo = toSeq;
  }

  /** Everything up to `seq` is the hub's: counts what is not, and gives back the files behind it. */
  async #moveCursor(seq: number): Promise<void> {
    this.committedSeq = seq;
    const samples = await this.#log.samplesUpTo(seq);
    // Another answer may have come in the meantime.
    if (this.committedSeq !== seq) return;
    this.#committedSamples = Math.max(samples, this.#goneSamples);
    await this.#giveBack();
  }

  /** Gives back the files that neither the hub nor a reader needs. */
  async #giveBack(): Promise<void> {
    const { keepCommittedBytes, segmentBytes } = this.#options;
    while (true) {
      const done = Math.min(this.committedSeq, this.readers.done);
      const pending = this.#log.segmentsAfter(done) * segmentBytes;
      const end = this.#log.oldestSegmentEnd();
      if (this.#log.bytes - pending <= keepCommittedBytes || end === 0 || end > done) return;
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
    this.#cursorFile.write(this.epoch, this.committedSeq).catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, 'could not write the cursor file');
    });
  }

  /** A directory that was removed takes writes through the open file as if nothing were wrong. */
  async #look(): Promise<void> {
    const now = performance.now();
    if (this.#goneSince === undefined && now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    if (await this.#log.isThere()) {
      this.#goneSince = undefined;
      return;
    }
    await this.#log.close().catch(() => undefined);
    this.#goneSince ??= now;
    const patient = now - this.#goneSince < this.#options.rebirthMs;
    if (patient || !(await exists(this.#options.parent))) throw new Error('what was being written is gone');
    await this.#rebirth();
  }

  async #rebirth(): Promise<void> {
    const { log, dir } = this.#options;
    const before = this.#log;
    const samples = this.pendingSamples;
    const lost = this.#dropOf('directoryRemoved', {
      fromSeq: this.committedSeq + 1,
      toSeq: before.usedSeq,
      samples,
      fromAt: null,
      toAt: null,
    });
    const fresh = this.#makeLog();
    await fresh.open();
    this.#log = fresh;
    this.#goneSince = undefined;
    this.committedSeq = 0;
    this.#committedSamples = this.#goneSamples = this.#declaredTo = this.#openedAt = this.#behind = 0;
    this.#countDrop('directoryRemoved', samples);
    await this.readers.open(this.epoch);
    log.error(
      { dir, samples, epoch: this.epoch },
      'the buffer directory was removed; made anew, its samples are lost',
    );
    if (before.usedSeq > lost.fromSeq! - 1) void this.#options.tell(lost);
    this.#options.onRebirth();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
