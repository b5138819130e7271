/** Joins backups to the stores of the running hub, and to the commands of its machine. */
import { join } from 'node:path';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { BackupService } from './backup/backup-service.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { ControlSocket } from './control/control-socket.ts';
import type { Stores } from './stores-part.ts';

/** Where backups are made. */
export function backupDir(config: LoadedHubConfig): string {
  const { dir } = config.backup;
  return dir === undefined ? join(config.resolvePath(config.dataDir), 'backups') : config.resolvePath(dir);
}

export interface BackupPartOptions {
  config: LoadedHubConfig;
  stores: Stores;
  control: ControlSocket;
  unwind: Unwind;
  log: Logger;
  now(): number;
}

/** Undefined where the stores are servers, which are backed up by their own tools. */
export async function startBackups(options: BackupPartOptions): Promise<BackupService | undefined> {
  const { config, stores, control, unwind, log, now } = options;
  const { everyHours, keep, alarmAfterHours } = config.backup;
  if (!stores.copies) {
    if (everyHours > 0) log.warn('backup.everyHours is for embedded stores: back servers up with their own tools');
    return undefined;
  }
  const backups = new BackupService({
    ...{ dir: backupDir(config), everyHours, keep, source: stores.copies, log, now },
    ...(alarmAfterHours === undefined ? {} : { alarmAfterHours }),
  });
  unwind.defer('backups', () => backups.stop());
  await backups.start();
  control.answer('backup', (_body, _by, onProgress) => backups.make('hub backup', onProgress));
  return backups;
}
