/** Whether a backup is what it was when it was made: sums, then rows of both stores, which are opened for that. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { extract } from 'tar';
import { inspectRelational } from '../store/postgres/inspect-data.ts';
import { inspectTimeSeries } from '../store/timeseries/duckdb/copy-database.ts';
import {
  checkFiles,
  checkRows,
  damaged,
  type Manifest,
  type OnProgress,
  RELATIONAL,
  readManifest,
  TIME_SERIES,
} from './manifest.ts';

/** Changes nothing in `dir`. @throws LinesideError BACKUP_DAMAGED, BACKUP_NEWER, BACKUP_NOT_FOUND */
export async function verifyBackup(dir: string, onProgress: OnProgress): Promise<Manifest> {
  const manifest = await readManifest(dir);
  await checkFiles(dir, manifest, onProgress);
  onProgress({ step: 'counting', bytes: 0, total: 0 });
  const aside = await mkdtemp(join(tmpdir(), 'lineside-verify-'));
  try {
    await extract({ cwd: aside, file: join(dir, RELATIONAL) });
    await checkContents(dir, manifest, aside, join(dir, TIME_SERIES));
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return manifest;
}

/** @param relational a folder of its own, with the unpacked store; it is opened */
export async function checkContents(
  dir: string,
  { rows }: Manifest,
  relational: string,
  timeSeries: string,
): Promise<void> {
  const found = await inspectRelational(relational).catch((error: unknown) => {
    throw damaged(dir, RELATIONAL, messageOf(error));
  });
  checkRows(dir, RELATIONAL, rows.relational, found.rows);
  const samples = await inspectTimeSeries(timeSeries).catch((error: unknown) => {
    throw damaged(dir, TIME_SERIES, messageOf(error));
  });
  checkRows(dir, TIME_SERIES, rows.timeSeries, samples.rows);
}
