import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** True when the program can be found; Debian's broker lives in a folder that not every PATH has. */
export function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { env: TOOL_ENV }).status === 0;
}

export const TOOL_ENV = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

export interface Ran {
  status: number | null;
  /** stdout and stderr, one after the other. */
  output: string;
}

export function runTool(command: string, args: string[], env: NodeJS.ProcessEnv = TOOL_ENV): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env, timeout: 60_000 });
  if (error) throw error;
  return { status, output: stdout + stderr };
}

/** Files below a folder of the repository whose names end so, as paths from the repository's root. */
export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}
