/**
 * Puts a backup in the place of a hub's data. Everything is made ready and checked beside what is there; then what is
 * there is put aside and the new takes its place. Cut off in between, the hub does not start, and says why.
 */

import { existsSync } from 'node:fs';
import { chown, copyFile, lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncToDisk, writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { extract } from 'tar';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { leaveNote } from '../store/postgres/left-notes.ts';
import { MIGRATIONS } from '../store/postgres/migrate.ts';
import {
  checkFiles,
  type Manifest,
  type OnProgress,
  OTHERS,
  RELATIONAL,
  readManifest,
  TIME_SERIES,
} from './manifest.ts';
import { withStoppedHub } from './stopped-source.ts';
import { checkContents } from './verify-backup.ts';

const STAGE = 'restore.partial';
const MARKER = 'restore.unfinished';
const TOLD = 'restore.json';
const ASIDE = 'before-restore-';

export interface RestoreOptions {
  /** The backup. */
  from: string;
  dataDir: string;
  /** Put aside what is there. */
  force: boolean;
  /** Who restores, such as `root at the hub`. */
  by: string;
  onProgress: OnProgress;
  now(): number;
}

export interface Restored {
  manifest: Manifest;
  /** Where what was there is now; empty when nothing was. */
  aside: string;
}

/** When this hub's data was restored, and from when it is. Milliseconds since 1970 UTC. */
const RestoredFrom = Type.Object({ restoredAt: Type.Number(), madeAt: Type.Number() });
export type RestoredFrom = Static<typeof RestoredFrom>;

/**
 * @throws LinesideError BACKUP_NOT_FOUND, BACKUP_DAMAGED, BACKUP_NEWER, RESTORE_NOT_EMPTY, STORE_LOCKED when a hub runs;
 *   the data is untouched then
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { from, dataDir, force, by, onProgress, now } = options;
  const manifest = await readManifest(from);
  await expectKnown(from, manifest);
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  const there = await entriesOf(dataDir);
  if (there.length > 0 && !force) {
    const words = `${dataDir} is not empty (${there.slice(0, 3).join(', ')}): with --force what is there is put aside, into a folder ${ASIDE}… beside it`;
    throw new LinesideError('RESTORE_NOT_EMPTY', 'config', words);
  }
  await checkFiles(from, manifest, onProgress);
  return withStoppedHub(dataDir, async () => {
    const stage = join(dataDir, STAGE);
    await rm(stage, { recursive: true, force: true });
    await mkdir(stage, { mode: 0o700 });
    try {
      await unpack(from, stage, manifest, onProgress);
      const { madeAt, hub: version } = manifest;
      const at = now();
      await writeDurably(join(stage, TOLD), JSON.stringify({ restoredAt: at, madeAt }));
      // What the audit log had behind the backup is gone with it: so at least that stands there.
      await leaveNote(stage, { at, by, action: 'hub.restore', target: from, after: { madeAt, version } });
      await settle(stage, dataDir);
    } catch (error) {
      await rm(stage, { recursive: true, force: true });
      throw error;
    }
    onProgress({ step: 'exchanging', bytes: 0, total: 0 });
    return { manifest, aside: await exchange(dataDir, stage, now()) };
  });
}

/** @throws LinesideError RESTORE_UNFINISHED when a restore into the folder was cut off in the midst of its last step */
export function expectNoUnfinishedRestore(dataDir: string): void {
  if (!existsSync(join(dataDir, MARKER))) return;
  const words = `a restore into ${dataDir} was cut off: run \`hub restore\` again, with --force; what was there before is in ${ASIDE}… within it`;
  throw new LinesideError('RESTORE_UNFINISHED', 'config', words);
}

/** Null when this data never was in a backup. */
export async function restoredFrom(dataDir: string): Promise<RestoredFrom | null> {
  try {
    const told: unknown = JSON.parse(await readFile(join(dataDir, TOLD), 'utf8'));
    return Value.Check(RestoredFrom, told) ? told : null;
  } catch {
    return null;
  }
}

async function expectKnown(from: string, { migrations, hub }: Manifest): Promise<void> {
  const known = new Set(await readdir(MIGRATIONS));
  const unknown = migrations.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  const words = `${from} was made by the hub ${hub}, whose tables are newer than those of this one (${unknown.join(', ')}): install that hub or a later one, and restore with it`;
  throw new LinesideError('BACKUP_NEWER', 'config', words);
}

async function unpack(from: string, stage: string, manifest: Manifest, onProgress: OnProgress): Promise<void> {
  onProgress({ step: 'unpacking', bytes: 0, total: 0 });
  const relational = join(stage, 'relational');
  await mkdir(relational, { mode: 0o700 });
  await extract({ cwd: relational, file: join(from, RELATIONAL) });
  await copyFile(join(from, TIME_SERIES), join(stage, TIME_SERIES));
  if (manifest.files[OTHERS]) await extract({ cwd: stage, file: join(from, OTHERS) });
  onProgress({ step: 'counting', bytes: 0, total: 0 });
  await checkContents(from, manifest, relational, join(stage, TIME_SERIES));
}

/** To disk, and to the user that the data belongs to: whoever restores may be root, and the hub is not. */
async function settle(stage: string, dataDir: string): Promise<void> {
  const { uid, gid } = await lstat(dataDir);
  const give = process.getuid?.() === 0 && uid !== 0;
  for (const entry of await readdir(stage, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (give) await chown(path, uid, gid);
    if (entry.isFile() || entry.isDirectory()) await syncToDisk(path);
  }
  await syncToDisk(stage);
}

async function exchange(dataDir: string, stage: string, at: number): Promise<string> {
  await writeDurably(join(dataDir, MARKER), 'A restore has begun to put the data of this folder aside.\n');
  const there = await entriesOf(dataDir);
  const aside = join(dataDir, `${ASIDE}${new Date(at).toISOString().replace(/[-:]/g, '')}`);
  if (there.length > 0) await mkdir(aside, { mode: 0o700 });
  for (const name of there) await rename(join(dataDir, name), join(aside, name));
  for (const name of await readdir(stage)) {
    // The lock of this very restore.
    if (name === 'relational') await rm(join(dataDir, name), { recursive: true, force: true });
    await rename(join(stage, name), join(dataDir, name));
  }
  await rm(stage, { recursive: true });
  await rm(join(dataDir, MARKER));
  await syncToDisk(dataDir);
  return there.length > 0 ? aside : '';
}

/** What is data; backups, and what earlier restores have put aside, stay where they are. */
async function entriesOf(dataDir: string): Promise<string[]> {
  const kept = new RegExp(`^(${STAGE}|${MARKER}|backups|lost\\+found|control\\.sock|${ASIDE}.*)$`);
  const names = (await readdir(dataDir)).filter((name) => !kept.test(name)).sort();
  const found: string[] = [];
  for (const name of names) {
    // The folder that the lock has made.
    if (name === 'relational' && (await readdir(join(dataDir, name))).every((each) => each.startsWith('lock')))
      continue;
    found.push(name);
  }
  return found;
}
