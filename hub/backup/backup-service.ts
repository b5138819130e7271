/** Makes backups when they are due and when somebody asks, lets the oldest go, and says when the newest is too old. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncToDisk } from '@lineside/shared/disk/durable-file.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BACKUP_NAME, type BackupSource, type MadeBackup, makeBackup, PARTIAL } from './make-backup.ts';
import { type OnProgress, readManifest } from './manifest.ts';

const LOOK_MS = 30_000;
/** A hub that has just started has other things to do. Milliseconds. */
const FIRST_MS = 60_000;
/** After one that failed, at the latest. */
const AGAIN_MS = 30 * 60_000;
const HOUR_MS = 3_600_000;

export interface BackupServiceOptions {
  dir: string;
  /** 0: only when somebody asks. */
  everyHours: number;
  keep: number;
  alarmAfterHours?: number;
  source: BackupSource;
  log: Logger;
  now(): number;
  /** For tests. */
  makeBackup?: typeof makeBackup;
}

export interface BackupFigures {
  /** When what the newest good one holds was so, milliseconds since 1970 UTC; null when there is none. */
  newestAt: number | null;
  /** Of the newest that this process has made; null before it. */
  durationMs: number | null;
  bytes: number | null;
  failures: number;
  running: boolean;
}

export class BackupService {
  readonly #options: BackupServiceOptions;
  readonly #end = new AbortController();
  readonly #figures: BackupFigures = { newestAt: null, durationMs: null, bytes: null, failures: 0, running: false };
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #failedAt = 0;
  #failure = '';
  #running: Promise<MadeBackup> | undefined;

  constructor(options: BackupServiceOptions) {
    this.#options = options;
  }

  /** Clears away what a process before has left half. */
  async start(): Promise<void> {
    const { dir, everyHours, now, log } = this.#options;
    this.#startedAt = now();
    await this.#clear().catch((error: unknown) =>
      log.warn({ dir, error: messageOf(error) }, 'backups not looked at'),
    );
    if (everyHours > 0) this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** One that is being made is given up. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#end.abort(new LinesideError('BACKUP_STOPPED', 'outside', 'the hub is stopping; the backup was given up'));
    await this.#running?.catch(() => undefined);
  }

  /**
   * @param by who wants it, for the log
   * @throws LinesideError BACKUP_RUNNING, and all that `makeBackup` throws
   */
  make(by: string, onProgress: OnProgress = () => undefined): Promise<MadeBackup> {
    if (this.#running) {
      return Promise.reject(
        new LinesideError('BACKUP_RUNNING', 'peer', 'a backup is being made already; wait for it'),
      );
    }
    this.#figures.running = true;
    this.#running = this.#make(by, onProgress).finally(() => {
      this.#running = undefined;
      this.#figures.running = false;
    });
    return this.#running;
  }

  figures(): BackupFigures {
    return this.#figures;
  }

  /** What is wrong with the backups, in words; empty when nothing is, and when none are due. */
  fault(): string {
    const { everyHours, alarmAfterHours = 2 * everyHours, dir, now } = this.#options;
    if (everyHours === 0) return '';
    const { newestAt } = this.#figures;
    const why = this.#failure && `: ${this.#failure}`;
    if (newestAt === null) {
      const patient = !this.#failure && now() - this.#startedAt < alarmAfterHours * HOUR_MS;
      return patient ? '' : `there is no backup in ${dir}${why}`;
    }
    const hours = (now() - newestAt) / HOUR_MS;
    return hours > alarmAfterHours ? `the newest backup in ${dir} is ${hours.toFixed(1)} hours old${why}` : '';
  }

  async #make(by: string, onProgress: OnProgress): Promise<MadeBackup> {
    const { source, dir, log, now } = this.#options;
    const begun = performance.now();
    try {
      const made = await (this.#options.makeBackup ?? makeBackup)({
        source,
        dir,
        onProgress,
        signal: this.#end.signal,
        now,
      });
      const { files, madeAt, rows } = made.manifest;
      this.#figures.durationMs = performance.now() - begun;
      this.#figures.bytes = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
      this.#figures.newestAt = madeAt;
      this.#failure = '';
      const { durationMs, bytes } = this.#figures;
      const ms = Math.round(durationMs);
      log.info({ by, path: made.path, ms, bytes, samples: rows.timeSeries.samples }, 'backup made');
      await this.#prune().catch((error: unknown) => log.warn({ dir, error: messageOf(error) }, 'old backups stay'));
      return made;
    } catch (error) {
      if (!this.#end.signal.aborted) {
        this.#figures.failures++;
        this.#failedAt = now();
        this.#failure = messageOf(error);
        log.error({ by, dir, error: this.#failure }, 'no backup made');
      }
      throw this.#end.signal.aborted ? this.#end.signal.reason : error;
    }
  }

  #look(): void {
    if (this.#running || !this.#isDue()) return;
    // It has been told to the log, and stands among the faults.
    this.make('the schedule').catch(() => undefined);
  }

  #isDue(): boolean {
    const { everyHours, now } = this.#options;
    const { newestAt } = this.#figures;
    const everyMs = everyHours * HOUR_MS;
    if (this.#failure) return Math.abs(now() - this.#failedAt) >= Math.min(everyMs, AGAIN_MS);
    if (now() - this.#startedAt < Math.min(everyMs, FIRST_MS)) return false;
    // One from the future was made before the clock was put right.
    return newestAt === null || now() - newestAt >= everyMs || newestAt > now() + everyMs;
  }

  /** Looks at what is there, and removes what is not whole. */
  async #clear(): Promise<void> {
    const { dir } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const names = (await readdir(dir)).sort();
    for (const name of names)
      if (name.startsWith(PARTIAL)) await rm(join(dir, name), { recursive: true, force: true });
    for (const name of names.filter((each) => BACKUP_NAME.test(each))) {
      const manifest = await readManifest(join(dir, name)).catch(() => undefined);
      if (manifest) this.#figures.newestAt = Math.max(this.#figures.newestAt ?? 0, manifest.madeAt);
    }
  }

  async #prune(): Promise<void> {
    const { dir, keep, log } = this.#options;
    const names = (await readdir(dir)).filter((name) => BACKUP_NAME.test(name)).sort();
    for (const name of names.slice(0, Math.max(0, names.length - keep))) {
      // Half removed, it must not look like one.
      const going = join(dir, `${PARTIAL}${name}`);
      await rename(join(dir, name), going);
      await syncToDisk(dir);
      await rm(going, { recursive: true, force: true });
      log.info({ name }, 'old backup removed');
    }
  }
}
