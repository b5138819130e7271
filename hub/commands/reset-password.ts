/** `hub reset-password`: the way back in, asked of the hub that runs here, or done at its tables when none does. */
import { existsSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIG_OPTION, type Command } from '@lineside/shared/cli/command.ts';
import { UserName } from '@lineside/shared/contracts/accounts.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { Value } from 'typebox/value';
import { FIRST_PASSWORD, FIRST_USER } from '../auth/auth-service.ts';
import { type Recovered, type RecoverWish, recoverUser } from '../auth/recover-user.ts';
import type { LoadedHubConfig } from '../config/load-config.ts';
import { askHub } from '../control/control-socket.ts';
import { openRelational, type Relational } from '../store/postgres/relational.ts';
import { openServer } from '../store/postgres/server.ts';
import { typedBy, withConfig } from './with-config.ts';

const BECAME: Record<Recovered['became'], string> = {
  reset: 'has this password now',
  enabled: 'was disabled, may come in again, and has this password now',
  made: 'is an administrator now, and has this password',
};

export const resetPassword: Command = {
  words: 'reset-password',
  takes: 'NAME',
  summary: 'give a user another password, such as an administrator who has lost theirs; all their sessions end',
  options: {
    ...CONFIG_OPTION,
    admin: { type: 'boolean', meaning: 'make the user, as an administrator, where there is none of this name' },
  },
  run: async (args) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0) return 2;
    return withConfig(args, async (config) => {
      if (!Value.Check(UserName, name)) {
        const words = `"${name}" is no name of a user: small letters, digits and . _ @ + -, 64 at most`;
        throw new LinesideError('USER_NAME_INVALID', 'config', words);
      }
      const { password, became } = await recover(config, { name, admin: args.options.admin === true });
      process.stdout.write(`${password}\n`);
      process.stderr.write(`\n${name} ${BECAME[became]}; another one has to be chosen at the next sign-in.\n`);
      return 0;
    });
  },
};

async function recover(config: LoadedHubConfig, wish: RecoverWish): Promise<Recovered> {
  const asked = await askRunning(config, wish);
  if (asked !== undefined) return asked;
  const dataDir = config.resolvePath(config.dataDir);
  await using store = await open(config, dataDir);
  const done = await recoverUser(store.db, wish, typedBy(), Date.now());
  if (wish.name === FIRST_USER) await rm(join(dataDir, FIRST_PASSWORD), { force: true });
  return done;
}

/** Undefined when no hub runs here that lets people in: the tables of a server may then be changed beside it. */
async function askRunning(config: LoadedHubConfig, wish: RecoverWish): Promise<Recovered | undefined> {
  try {
    return (await askHub(config.resolvePath(config.dataDir), 'reset-password', wish)) as Recovered | undefined;
  } catch (error) {
    if (config.relational && error instanceof LinesideError && error.code === 'CONTROL_UNKNOWN') return undefined;
    throw error;
  }
}

async function open(
  { relational, resolvePath }: LoadedHubConfig,
  dataDir: string,
): Promise<AsyncDisposable & Pick<Relational, 'db'>> {
  const store = relational
    ? await openServer({
        ...{ ...relational, resolvePath, applicationName: 'lineside-reset-password' },
        log: createLogger({ name: 'hub', level: 'error' }),
      })
    : await openRelational({ dataDir: embedded(dataDir) });
  return { db: store.db, [Symbol.asyncDispose]: () => store.close() };
}

/** @throws LinesideError HUB_IS_NEW, OTHER_OWNER */
function embedded(dataDir: string): string {
  const directory = join(dataDir, 'relational');
  if (!existsSync(join(directory, 'data'))) {
    const words = `there are no users in ${dataDir} yet: the hub makes ${FIRST_USER} at its first start, with a password in ${FIRST_PASSWORD}`;
    throw new LinesideError('HUB_IS_NEW', 'config', words);
  }
  // What root writes there, the hub could not open at its next start.
  if (process.getuid?.() === 0 && statSync(directory).uid !== 0) {
    const words = `the hub does not run, and ${directory} is not root's: start it first, or give the command as its owner with sudo -u`;
    throw new LinesideError('OTHER_OWNER', 'config', words);
  }
  return directory;
}
