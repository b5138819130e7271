/** `hub migrate status|up`: what stands of the tables of the relational store, and bringing them up to date. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { type MigrationStatus, migrate, status } from './store/postgres/migrate.ts';
import { openRelational, type Relational } from './store/postgres/relational.ts';
import { openServer } from './store/postgres/server.ts';

const MIGRATE_USAGE = `usage: hub migrate status|up --config FILE [--username NAME --password-file FILE]

  status  list every migration; exit 3 when some are pending, 1 when one was changed or is missing
  up      apply what is pending

  --username NAME        whom PostgreSQL knows as the owner of the tables, where the hub itself may not change them
  --password-file FILE   file that holds that password
`;

const PENDING = 3;

interface MigrateArguments {
  action: string | undefined;
  username: string | undefined;
  passwordFile: string | undefined;
}

/** Returns the exit code: 0 all is applied, 1 something is wrong, 2 not understood, 3 (status) some are pending. */
export async function migrateCommand(config: LoadedHubConfig, args: MigrateArguments, log: Logger): Promise<number> {
  const { action } = args;
  if (action !== 'status' && action !== 'up') {
    console.error(MIGRATE_USAGE);
    return 2;
  }
  let store: Relational | undefined;
  try {
    if (action === 'status' && isNew(config)) {
      process.stdout.write('There is no database yet; the hub makes it, with all tables, at its first start.\n');
      return PENDING;
    }
    store = await open(config, args, log);
    if (action === 'up') {
      const done = await migrate(store.db);
      for (const name of done) process.stdout.write(`${name}  applied\n`);
      process.stdout.write(done.length === 0 ? 'Nothing was pending.\n' : `${done.length} applied.\n`);
      return 0;
    }
    const found = await status(store.db);
    process.stdout.write(tableOf(found));
    if (found.some(({ state }) => state === 'changed' || state === 'missing')) return 1;
    return found.some(({ state }) => state === 'pending') ? PENDING : 0;
  } catch (error) {
    console.error(error instanceof LinesideError ? `${error.code}: ${messageOf(error)}` : messageOf(error));
    return 1;
  } finally {
    await store?.close();
  }
}

/** Looking must not make one. */
function isNew({ relational, resolvePath, dataDir }: LoadedHubConfig): boolean {
  return !relational && !existsSync(join(resolvePath(dataDir), 'relational', 'data'));
}

function open(config: LoadedHubConfig, args: MigrateArguments, log: Logger): Promise<Relational> {
  const { relational, resolvePath } = config;
  if (!relational) {
    return openRelational({ dataDir: join(resolvePath(config.dataDir), 'relational'), migrateAtStart: false });
  }
  const { username = relational.username, passwordFile = relational.passwordFile } = args;
  return openServer({
    ...{ ...relational, username, migrations: 'asTheyAre' as const },
    ...(passwordFile === undefined ? {} : { passwordFile }),
    // A file named on the command line is taken from where the command is given.
    resolvePath: (path) => (path === args.passwordFile ? path : resolvePath(path)),
    ...{ applicationName: 'lineside-migrate', log },
  });
}

const WORDS: Record<MigrationStatus['state'], string> = {
  applied: 'applied',
  pending: 'PENDING',
  changed: 'CHANGED: the file is not the one that was applied',
  missing: 'MISSING: applied, and not among the files of this version',
};

function tableOf(found: MigrationStatus[]): string {
  const width = Math.max(...found.map(({ name }) => name.length));
  const lines = found.map(({ name, state, appliedAt }) => {
    const at = appliedAt === null ? '' : new Date(appliedAt).toISOString().replace('T', ' ').slice(0, 19);
    return `${name.padEnd(width)}  ${at.padEnd(19)}  ${WORDS[state]}`;
  });
  return `${'migration'.padEnd(width)}  ${'applied (UTC)'.padEnd(19)}  state\n${lines.join('\n')}\n`;
}
