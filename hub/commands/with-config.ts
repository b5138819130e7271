/** What the hub's commands have in common: a configuration, and errors in words. */
import { userInfo } from 'node:os';
import { type CommandArguments, configFile, sayProblems, textOption } from '@lineside/shared/cli/command.ts';
import { ConfigError } from '@lineside/shared/config/config-document.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Value } from 'typebox/value';
import { type LoadedHubConfig, loadHubConfig } from '../config/load-config.ts';
import { type Role, RolesConfig } from '../replicas/config.ts';

export const ROLES_OPTION = {
  roles: textOption('LIST', 'in place of roles in the configuration, such as ingest,api'),
};

/** Reads the configuration and does something with it; the exit code is 2 without one, and 1 when either fails. */
export async function withConfig(
  args: CommandArguments,
  act: (config: LoadedHubConfig) => Promise<number>,
): Promise<number> {
  const file = configFile(args);
  if (!file) return 2;
  return orWords(async () => act(loadHubConfig(file, rolesOf(args))));
}

/** The exit code of what is done; 1 when it fails, which is said on standard error. */
export async function orWords(act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof ConfigError || !(error instanceof LinesideError)) return sayProblems(error);
    console.error(`${error.code}: ${error.message}`);
    return 1;
  }
}

/** Whoever types a command, as the running hub names whoever asks it by one. */
export function typedBy(): string {
  return `${userInfo().username} at the hub`;
}

function rolesOf({ options }: CommandArguments): Role[] | undefined {
  if (typeof options.roles !== 'string') return undefined;
  const roles = options.roles.split(',');
  if (Value.Check(RolesConfig, roles)) return roles;
  throw new Error(`--roles ${options.roles}: write one or more of ingest,api,jobs`);
}
