/** The stores of a hub that does not run: their files, as they are. */
import { copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import { copyAhead, copyRest } from '../store/postgres/copy-data.ts';
import { settleTimeSeries } from '../store/timeseries/duckdb/copy-database.ts';
import type { BackupSource } from './make-backup.ts';
import { TIME_SERIES } from './manifest.ts';

const WHOLE_LOG = { first: '', last: '~' };

/**
 * Keeps a hub from starting as long as `use` takes.
 *
 * @throws LinesideError STORE_LOCKED when one runs
 */
export async function withStoppedHub<T>(dataDir: string, use: () => Promise<T>): Promise<T> {
  const lock = new DirectoryLock(join(dataDir, 'relational'));
  await lock.acquire();
  try {
    return await use();
  } finally {
    await lock.release();
  }
}

/** To be used within `withStoppedHub`. */
export function stoppedSource(dataDir: string): BackupSource {
  return {
    dataDir,
    async copyRelational(directory) {
      const from = join(dataDir, 'relational', 'data');
      const ahead = await copyAhead(from, directory);
      return async () => copyRest(from, directory, ahead, WHOLE_LOG);
    },
    async copyTimeSeries(file, whileStill) {
      await whileStill();
      const from = join(dataDir, TIME_SERIES);
      await copyFile(from, file);
      // What a hub that was killed had not taken into the file yet.
      const log = await stat(`${from}.wal`).catch(() => undefined);
      if (log) await copyFile(`${from}.wal`, `${file}.wal`);
      await settleTimeSeries(file);
    },
  };
}
