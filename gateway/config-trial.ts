/**
 * A configuration on trial over a start of the gateway: what the next process has to know of it. It is tried once: the
 * process that begins with it writes that down before it does anything else, so one that does not live through it is
 * followed by one with the file as it was.
 */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type LoadedConfig, loadConfig } from './config/load-config.ts';

const RestartTrial = Type.Object({
  /** Of the command, which the confirmation names. */
  id: Type.String(),
  by: Type.String(),
  sha256: Type.String(),
  confirmWithinMs: Type.Integer({ minimum: 0 }),
  /** A process has started with it. */
  begun: Type.Boolean(),
});
export type RestartTrial = Static<typeof RestartTrial>;

/** Where a configuration of the hub lies that has not taken the file's place yet. */
export const candidateOf = (file: string): string => `${file}.pushed`;
const trialFileOf = (file: string) => `${file}.trial`;

/** What to start with. */
export interface Start {
  config: LoadedConfig;
  /** Set when that is on trial. */
  trial: RestartTrial | null;
  /** Why the one that was to be tried is not; empty when there was none. */
  problem: string;
}

/** @throws ConfigError when the file itself is not sound */
export function loadForStart(file: string): Start {
  const trial = readTrial(file);
  if (!trial || trial.begun) return { config: loadConfig(file), trial: null, problem: '' };
  try {
    const config = loadConfig(candidateOf(file));
    if (config.sha256 !== trial.sha256) throw new Error('it is not the one that was sent');
    return { config: { ...config, file }, trial, problem: '' };
  } catch (error) {
    return { config: loadConfig(file), trial: null, problem: messageOf(error) };
  }
}

export function keepTrial(file: string, trial: RestartTrial): Promise<void> {
  return writeDurably(trialFileOf(file), JSON.stringify(trial));
}

/** Forgets it, and the configuration with it unless that has taken the file's place. Never rejects. */
export async function forgetTrial(file: string): Promise<void> {
  for (const each of [candidateOf(file), trialFileOf(file)]) await rm(each, { force: true }).catch(() => undefined);
}

function readTrial(file: string): RestartTrial | null {
  try {
    const trial: unknown = JSON.parse(readFileSync(trialFileOf(file), 'utf8'));
    return Value.Check(RestartTrial, trial) ? trial : null;
  } catch {
    return null;
  }
}
