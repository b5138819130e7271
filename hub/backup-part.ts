/** Joins backups to the stores of the running hub, and to the commands of its machine. */
import { join } from 'node:path';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AuditLog } from './auth/audit-log.ts';
import { BackupService } from './backup/backup-service.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { ControlSocket } from './control/control-socket.ts';
import { atTheHub } from './store/postgres/audit.ts';
import type { Stores } from './stores-part.ts';

/** Where backups are made. */
export function backupDir(config: LoadedHubConfig): string {
  const { dir } = config.backup;
  return dir === undefined ? join(config.resolvePath(config.dataDir), 'backups') : config.resolvePath(dir);
}

export interface BackupPartOptions {
  config: LoadedHubConfig;
  stores: Stores;
  audit: Pick<AuditLog, 'note'>;
  control: ControlSocket;
  unwind: Unwind;
  log: Logger;
  now(): number;
}

/** Undefined where the stores are servers, which are backed up by their own tools. */
export async function startBackups(options: BackupPartOptions): Promise<BackupService | undefined> {
  const { config, stores, audit, control, unwind, log, now } = options;
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
  control.answer('backup', async (wish: { copyTo?: string }, by, onProgress) => {
    const note = { actor: atTheHub(by), action: 'hub.backup' };
    try {
      const made = await backups.make(by, onProgress);
      const after = { madeAt: made.manifest.madeAt, ...wish };
      await audit.note({ ...note, target: made.path, outcome: 'done', after, at: now() });
      return made;
    } catch (error) {
      const after = { error: messageOf(error), ...wish };
      await audit.note({ ...note, target: backupDir(config), outcome: 'failed', after, at: now() });
      throw error;
    }
  });
  return backups;
}
