/** `hub migrate status|up`: what stands of the tables of the relational store, and bringing them up to date. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_OPTION, type Command, type CommandArguments, textOption } from '@lineside/shared/cli/command.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import type { LoadedHubConfig } from '../config/load-config.ts';
import { type MigrationStatus, migrate, status } from '../store/postgres/migrate.ts';
import { openRelational, type Relational } from '../store/postgres/relational.ts';
import { openServer } from '../store/postgres/server.ts';
import { withConfig } from './with-config.ts';

const PENDING = 3;

const OPTIONS = {
  ...CONFIG_OPTION,
  username: textOption('NAME', 'whom PostgreSQL knows as the owner of the tables, where the hub may not change them'),
  'password-file': textOption('FILE', 'file that holds that password'),
};

export const migrateCommands: Command[] = [
  {
    words: 'migrate status',
    summary: 'list every migration of the tables; exit 3 when some are pending, 1 when one was changed or is missing',
    options: OPTIONS,
    run: (args) =>
      withConfig(args, async (config) => {
        if (isNew(config)) {
          process.stdout.write('There is no database yet; the hub makes it, with all tables, at its first start.\n');
          return PENDING;
        }
        await using opened = await open(config, args);
        const found = await status(opened.store.db);
        process.stdout.write(tableOf(found));
        if (found.some(({ state }) => state === 'changed' || state === 'missing')) return 1;
        return found.some(({ state }) => state === 'pending') ? PENDING : 0;
      }),
  },
  {
    words: 'migrate up',
    summary: 'apply what is pending',
    options: OPTIONS,
    run: (args) =>
      withConfig(args, async (config) => {
        await using opened = await open(config, args);
        const done = await migrate(opened.store.db);
        for (const name of done) process.stdout.write(`${name}  applied\n`);
        process.stdout.write(done.length === 0 ? 'Nothing was pending.\n' : `${done.length} applied.\n`);
        return 0;
      }),
  },
];

/** Looking must not make one. */
function isNew({ relational, resolvePath, dataDir }: LoadedHubConfig): boolean {
  return !relational && !existsSync(join(resolvePath(dataDir), 'relational', 'data'));
}

async function open(
  config: LoadedHubConfig,
  args: CommandArguments,
): Promise<AsyncDisposable & { store: Relational }> {
  const store = await openStore(config, args);
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

function openStore(config: LoadedHubConfig, { options }: CommandArguments): Promise<Relational> {
  const { relational, resolvePath } = config;
  if (!relational) {
    return openRelational({ dataDir: join(resolvePath(config.dataDir), 'relational'), migrateAtStart: false });
  }
  const given = (name: keyof typeof OPTIONS) => (typeof options[name] === 'string' ? options[name] : undefined);
  const passwordFile = given('password-file') ?? relational.passwordFile;
  return openServer({
    ...{ ...relational, username: given('username') ?? relational.username, migrations: 'asTheyAre' as const },
    ...(passwordFile === undefined ? {} : { passwordFile }),
    // A file named on the command line is taken from where the command is given.
    resolvePath: (path) => (path === given('password-file') ? path : resolvePath(path)),
    ...{ applicationName: 'lineside-migrate', log: createLogger({ name: 'hub', level: 'error' }) },
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
