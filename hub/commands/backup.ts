/** `hub backup`, `hub backup verify`, `hub restore`. */
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CONFIG_OPTION, type Command, textOption } from '@lineside/shared/cli/command.ts';
import { syncToDisk } from '@lineside/shared/disk/durable-file.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { type MadeBackup, makeBackup, PARTIAL } from '../backup/make-backup.ts';
import { checkFiles, type Manifest, type OnProgress, readManifest } from '../backup/manifest.ts';
import { restoreBackup } from '../backup/restore-backup.ts';
import { stoppedSource, withStoppedHub } from '../backup/stopped-source.ts';
import { verifyBackup } from '../backup/verify-backup.ts';
import { backupDir } from '../backup-part.ts';
import type { LoadedHubConfig } from '../config/load-config.ts';
import { askHub } from '../control/control-socket.ts';
import { leaveNote } from '../store/postgres/left-notes.ts';
import { orWords, typedBy, withConfig } from './with-config.ts';

const SAY_MS = 2_000;
const MIB = 1024 * 1024;

export const backupCommands: Command[] = [
  {
    words: 'backup',
    summary: 'copy both embedded stores as they are now, while the hub runs or while it is stopped',
    options: {
      ...CONFIG_OPTION,
      out: textOption(
        'DIR',
        'put a copy of the backup into this folder, too; without it, it stays where backup.dir says',
      ),
    },
    run: async (args) =>
      args.positionals.length > 0
        ? 2
        : withConfig(args, (config) =>
            backup(config, typeof args.options.out === 'string' ? resolve(args.options.out) : undefined),
          ),
  },
  {
    words: 'backup verify',
    takes: 'DIR',
    summary: 'compare a backup with its manifest: sums of its files, rows of its tables',
    options: {},
    run: async ({ positionals: [dir, ...more] }) =>
      dir === undefined || more.length > 0 ? 2 : orWords(() => verify(resolve(dir))),
  },
];

export const restoreCommand: Command = {
  words: 'restore',
  takes: 'DIR',
  summary: 'put a backup in the place of the hub’s data; the hub must be stopped',
  options: {
    ...CONFIG_OPTION,
    force: { type: 'boolean', meaning: 'put aside what is in dataDir; nothing of it is deleted' },
  },
  run: async (args) => {
    const [dir, ...more] = args.positionals;
    if (dir === undefined || more.length > 0) return 2;
    return withConfig(args, (config) => restore(config, resolve(dir), args.options.force === true));
  },
};

/** @throws LinesideError BACKUP_SERVER */
function expectEmbedded({ relational, timeSeries }: LoadedHubConfig): void {
  const servers = [relational && 'PostgreSQL', timeSeries.influx && 'InfluxDB'].filter((name) => name);
  if (servers.length === 0) return;
  const words =
    `${servers.join(' and ')} keeps data of this hub, and has tools of its own: pg_dump --format=custom for PostgreSQL, then ` +
    'influxd backup for InfluxDB. docs/operations/backup.md says in which order, and what to do with an embedded store beside them';
  throw new LinesideError('BACKUP_SERVER', 'config', words);
}

async function backup(config: LoadedHubConfig, out: string | undefined): Promise<number> {
  expectEmbedded(config);
  const dataDir = config.resolvePath(config.dataDir);
  const onProgress = progressLines();
  const copyTo = out === undefined ? {} : { copyTo: out };
  const made = ((await askHub(dataDir, 'backup', copyTo, onProgress)) as MadeBackup | undefined)?.path;
  let path: string;
  if (made !== undefined) path = out === undefined ? made : await copyOut(made, out, onProgress);
  else {
    const dir = out ?? backupDir(config);
    const source = stoppedSource(dataDir);
    path = await withStoppedHub(dataDir, async () => {
      const { path: whole, manifest } = await makeBackup({ source, dir, onProgress, now: Date.now });
      const after = { madeAt: manifest.madeAt };
      await leaveNote(dataDir, { at: Date.now(), by: typedBy(), action: 'hub.backup', target: whole, after });
      return whole;
    });
  }
  process.stdout.write(`${path}: ${inWords(await readManifest(path))}\n`);
  return 0;
}

/** The hub may write into its own folders only; the copy is this user's. */
async function copyOut(made: string, out: string, onProgress: OnProgress): Promise<string> {
  onProgress({ step: `copying it to ${out}`, bytes: 0, total: 0 });
  const partial = join(out, `${PARTIAL}${basename(made)}`);
  const path = join(out, basename(made));
  await mkdir(out, { recursive: true, mode: 0o700 });
  try {
    await cp(made, partial, { recursive: true, errorOnExist: true, force: false });
    await checkFiles(partial, await readManifest(partial), onProgress);
    for (const name of await readdir(partial)) await syncToDisk(join(partial, name));
    await syncToDisk(partial);
    await rename(partial, path);
    await syncToDisk(out);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  return path;
}

async function verify(dir: string): Promise<number> {
  const manifest = await verifyBackup(dir, progressLines());
  process.stdout.write(`${dir}: sound; ${inWords(manifest)}\n`);
  return 0;
}

async function restore(config: LoadedHubConfig, from: string, force: boolean): Promise<number> {
  expectEmbedded(config);
  const dataDir = config.resolvePath(config.dataDir);
  const { manifest, aside } = await restoreBackup({
    from,
    dataDir,
    force,
    by: typedBy(),
    onProgress: progressLines(),
    now: Date.now,
  });
  process.stdout.write(`${dataDir}: restored; ${inWords(manifest)}\n`);
  if (aside) process.stdout.write(`what was there is in ${aside}: delete it when you do not need it any more\n`);
  return 0;
}

function inWords({ madeAt, hub, rows, files }: Manifest): string {
  const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
  const others = Object.values(rows.relational).reduce((sum, count) => sum + count, 0);
  const samples = rows.timeSeries.samples ?? 0;
  return `of ${new Date(madeAt).toISOString()}, hub ${hub}, ${samples} samples, ${others} other rows, ${(bytes / MIB).toFixed(1)} MiB`;
}

/** On standard error: each step once, and how far a long one has come. */
function progressLines(): OnProgress {
  let said = '';
  let saidAt = 0;
  return ({ step, bytes, total }) => {
    const now = performance.now();
    if (step === said && now - saidAt < SAY_MS) return;
    const far = step === said && total > 0;
    said = step;
    saidAt = now;
    console.error(far ? `${step}: ${Math.round(bytes / MIB)} of about ${Math.ceil(total / MIB)} MiB` : step);
  };
}
