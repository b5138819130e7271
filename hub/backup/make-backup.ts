/**
 * Makes a backup: both stores as they were at one moment, checked, under its name only when it is whole and on disk.
 *
 * At that moment the time series have what is appended, and nothing is appended until the relational store is copied,
 * too. So the time series may be ahead of the watermarks by a commit that was under way, and never behind them: as after a
 * crash, which the gateways' repeats heal.
 */
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { VERSION } from '@lineside/shared/config/version.ts';
import { syncToDisk } from '@lineside/shared/disk/durable-file.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { create } from 'tar';
import { inspectRelational, type RelationalContents } from '../store/postgres/inspect-data.ts';
import { inspectTimeSeries } from '../store/timeseries/duckdb/copy-database.ts';
import { type Manifest, type OnProgress, OTHERS, RELATIONAL, sumOf, TIME_SERIES, writeManifest } from './manifest.ts';

/** What stays free for the stores themselves. Bytes. */
const RESERVE = 256 * 1024 * 1024;
const PROGRESS_MS = 500;
/** Not for a backup: the stores, which come by themselves, and what belongs to a running hub or to a restore. */
const LEFT_OUT =
  /^(relational|timeseries\.duckdb(\.wal)?|backups|lock.*|control\.sock|restore\..*|before-restore-.*)$/;

/** The stores, running or not. */
export interface BackupSource {
  dataDir: string;
  /** Copies the relational store's files; what it resolves with completes it. */
  copyRelational(directory: string): Promise<() => Promise<void>>;
  /** Copies the time series into a file; `whileStill` is done while nothing is appended. */
  copyTimeSeries(file: string, whileStill: () => Promise<void>, signal?: AbortSignal): Promise<void>;
}

export interface MakeOptions {
  source: BackupSource;
  /** Into this folder, under a name of its own. */
  dir: string;
  onProgress: OnProgress;
  signal?: AbortSignal;
  now(): number;
}

export interface MadeBackup {
  path: string;
  manifest: Manifest;
}

/** @throws LinesideError BACKUP_NO_ROOM, BACKUP_UNSOUND, and whatever the disk says; nothing half stays behind */
export async function makeBackup(options: MakeOptions): Promise<MadeBackup> {
  const { source, dir, onProgress, signal, now } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await expectRoom(source.dataDir, dir);
  const name = nameOf(now());
  const partial = join(dir, `${PARTIAL}${name}`);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  try {
    const staged = join(partial, 'relational');
    onProgress({ step: 'copying the relational store', bytes: 0, total: 0 });
    const complete = await source.copyRelational(join(staged, 'data'));
    signal?.throwIfAborted();
    let madeAt = 0;
    const file = join(partial, TIME_SERIES);
    const total = await sizeOf(join(source.dataDir, TIME_SERIES));
    onProgress({ step: 'copying the time series', bytes: 0, total });
    const watch = setInterval(() => {
      sizeOf(file).then((bytes) => onProgress({ step: 'copying the time series', bytes, total }), ignore);
    }, PROGRESS_MS);
    try {
      await source.copyTimeSeries(
        file,
        async () => {
          await complete();
          madeAt = now();
        },
        signal,
      );
    } finally {
      clearInterval(watch);
    }
    signal?.throwIfAborted();
    onProgress({ step: 'packing', bytes: 0, total: 0 });
    await create({ cwd: staged, file: join(partial, RELATIONAL), zstd: true, portable: true }, ['data']);
    const others = await othersOf(source.dataDir, dir);
    if (others.length > 0) {
      await create({ cwd: source.dataDir, file: join(partial, OTHERS), zstd: true, portable: true }, others);
    }
    onProgress({ step: 'counting', bytes: 0, total: 0 });
    // The copy that is packed is opened: that it starts is the best proof of it.
    const relational = await inspectRelational(staged);
    await rm(staged, { recursive: true });
    const timeSeries = await inspectTimeSeries(file);
    expectInOrder(relational.watermarks, timeSeries.watermarks);
    const files: Manifest['files'] = {};
    for (const each of (await readdir(partial)).sort()) {
      files[each] = await sumOf(
        join(partial, each),
        (bytes) => onProgress({ step: `reading ${each}`, bytes, total }),
        signal,
      );
      await syncToDisk(join(partial, each));
    }
    const manifest = await writeManifest(partial, {
      ...{ hub: VERSION, postgres: relational.version, madeAt, finishedAt: now(), migrations: relational.migrations },
      ...{ files, watermarks: relational.watermarks },
      rows: { relational: relational.rows, timeSeries: timeSeries.rows },
    });
    signal?.throwIfAborted();
    await syncToDisk(partial);
    const path = join(dir, name);
    await rename(partial, path);
    await syncToDisk(dir);
    return { path, manifest };
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(ignore);
    throw error;
  }
}

/** Begins the name of what is not a backup yet, or not any more. */
export const PARTIAL = '.partial-';

/** Such as lineside-hub-20261122T143105.123Z: by name is by time. */
function nameOf(at: number): string {
  return `lineside-hub-${new Date(at).toISOString().replace(/[-:]/g, '')}`;
}

export const BACKUP_NAME = /^lineside-hub-\d{8}T\d{6}\.\d{3}Z$/;

/** @throws LinesideError BACKUP_NO_ROOM */
async function expectRoom(from: string, dir: string): Promise<void> {
  // Once packed and once as it is, until it has been opened; packed it is a tenth.
  const need = (await treeSize(join(from, 'relational'))) * 1.2 + (await sizeOf(join(from, TIME_SERIES))) * 1.05;
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize >= need + RESERVE) return;
  const inMiB = (bytes: number) => `${Math.ceil(bytes / 1024 / 1024)} MiB`;
  const words = `${dir} has ${inMiB(bavail * bsize)} free, and a backup needs ${inMiB(need)} and leaves ${inMiB(RESERVE)}: make room there, keep fewer, or set backup.dir to another disk`;
  throw new LinesideError('BACKUP_NO_ROOM', 'outside', words);
}

async function othersOf(dataDir: string, dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dataDir, { withFileTypes: true })) {
    if (LEFT_OUT.test(entry.name) || join(dataDir, entry.name) === dir) continue;
    if (entry.isFile() || entry.isDirectory()) found.push(entry.name);
  }
  return found.sort();
}

function expectInOrder(watermarks: RelationalContents['watermarks'], ahead: RelationalContents['watermarks']): void {
  const reached = new Map(ahead.map(({ gateway, epoch, seq }) => [`${gateway} ${epoch}`, seq]));
  for (const { gateway, epoch, seq } of watermarks) {
    if ((reached.get(`${gateway} ${epoch}`) ?? 0) >= seq) continue;
    const words = `of ${gateway} record ${seq} is committed and not among the time series of the backup; it was thrown away`;
    throw new LinesideError('BACKUP_UNSOUND', 'bug', words);
  }
}

async function treeSize(dir: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += await sizeOf(join(entry.parentPath, entry.name));
  }
  return sum;
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => ({ size: 0 }))).size;
}

function ignore(): void {}
