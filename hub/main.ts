#!/usr/bin/env node
/** The hub's program: `run` serves until it is stopped, `check` only looks at a configuration. */
import { parseArgs } from 'node:util';
import { ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { VERSION } from '@lineside/shared/config/version.ts';
import { runDaemon } from '@lineside/shared/lifecycle/daemon.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { Value } from 'typebox/value';
import { accessCommand } from './commands/access.ts';
import { backupCommand } from './commands/backup.ts';
import { type LoadedHubConfig, loadHubConfig } from './config/load-config.ts';
import { startHub } from './hub.ts';
import { migrateCommand } from './migrate-command.ts';
import { type Role, RolesConfig } from './replicas/config.ts';

const USAGE = `usage: hub run|check|migrate --config FILE
       hub backup --config FILE, hub backup verify DIR, hub restore DIR --config FILE
       hub enrol-token|revoke GATEWAY --config FILE, hub mosquitto-config --out DIR --config FILE

  run     take what gateways send, and serve pages and API until stopped
  check   say what is wrong with a configuration and its plant, with file and line; exit 1 when something is
  migrate status|up   look at the tables of the relational store, or bring them up to date

  --config FILE   the configuration, YAML
  --roles LIST    run, check: in place of roles there, such as ingest,api
  --version       print the version
`;

async function main(): Promise<number> {
  const given = process.argv.slice(2);
  const code = (await backupCommand(given)) ?? (await accessCommand(given));
  if (code !== undefined) return code;
  let args: ReturnType<typeof readArgs>;
  try {
    args = readArgs();
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (args.version) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const { command, file } = args;
  if ((command !== 'run' && command !== 'check' && command !== 'migrate') || !file) {
    console.error(USAGE);
    return 2;
  }
  let config: LoadedHubConfig;
  try {
    config = loadHubConfig(file, args.roles);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(formatProblem(problem));
    console.error(`${error.problems.length} ${error.problems.length === 1 ? 'problem' : 'problems'} found`);
    return 1;
  }
  if (command === 'check') {
    const { machines } = config.equipment;
    process.stdout.write(`${file}: sound; ${config.gateways.length} gateways, ${machines.length} machines\n`);
    return 0;
  }
  if (command === 'migrate') return migrateCommand(config, args, createLogger({ name: 'hub', level: 'error' }));
  const log = createLogger({ name: 'hub', level: String(config.log.level) });
  return runDaemon(log, (context) => startHub(config, log, context));
}

function readArgs() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      roles: { type: 'string' },
      username: { type: 'string' },
      'password-file': { type: 'string' },
      version: { type: 'boolean' },
    },
  });
  return {
    ...{ command: positionals[0], action: positionals[1], file: values.config, version: values.version === true },
    roles: values.roles === undefined ? undefined : readRoles(values.roles),
    ...{ username: values.username, passwordFile: values['password-file'] },
  };
}

function readRoles(text: string): Role[] {
  const roles = text.split(',');
  if (Value.Check(RolesConfig, roles)) return roles;
  throw new Error(`--roles ${text}: write one or more of ingest,api,jobs`);
}

process.exitCode = await main();
// A handle that a library forgot to close must not hold a stopped daemon.
if (process.connected) process.disconnect?.();
setTimeout(() => process.exit(), 200).unref();
