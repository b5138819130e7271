/**
 * A configuration that the hub sends. It goes the way of a changed file: checked, made ready, exchanged as a whole or not
 * at all; and only one that runs takes the file's place. How the gateway is reached is changed at the machine alone, so
 * that nobody locks it out from afar.
 */
import { createHash } from 'node:crypto';
import { copyFile, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ConfigPushCommand, ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import { writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { ReloadOutcome } from './reloader.ts';

/** What nobody may change from afar. */
const AT_THE_MACHINE = ['gateway', 'dataDir', 'hub'] as const;

export interface ConfigPushOptions {
  /** The gateway's configuration file. */
  file: string;
  running(): LoadedConfig;
  load(file: string): Promise<LoadedConfig>;
  reload(by: string, load: () => Promise<LoadedConfig>): Promise<ReloadOutcome>;
  log: Logger;
}

export class ConfigPush {
  readonly #options: ConfigPushOptions;
  #turn: Promise<unknown> = Promise.resolve();
  #last: { id: string; result: Promise<ConfigPushResult> } | undefined;

  constructor(options: ConfigPushOptions) {
    this.#options = options;
  }

  /**
   * Takes a configuration over, after all that came before. Never rejects; the same command again gets the same result.
   *
   * @param notAfter when it must not begin any more, on the clock of `performance.now()`
   */
  take(command: ConfigPushCommand, notAfter: number): Promise<ConfigPushResult> {
    if (this.#last?.id === command.id) return this.#last.result;
    const result = this.#turn.then(() => this.#take(command, notAfter));
    this.#turn = result;
    this.#last = { id: command.id, result };
    return result;
  }

  async #take({ config, by }: ConfigPushCommand, notAfter: number): Promise<ConfigPushResult> {
    const { file, running, log } = this.#options;
    const name = basename(file);
    if (!running().hub.acceptConfig) {
      return refused(
        'this gateway takes no configuration from the hub: set hub.acceptConfig: true in it, at the machine',
      );
    }
    if (performance.now() > notAfter) return refused('it came too late, and was not looked at');
    // Beside the file: what it names by a relative path is found as it will be later.
    const candidate = `${file}.pushed`;
    try {
      await writeDurably(candidate, config);
    } catch (error) {
      return refused(`the gateway may not write beside ${file}: ${messageOf(error)}; change the file at the machine`);
    }
    const outcome = await this.#options.reload(`the hub, for ${by}`, () => this.#load(candidate));
    // The place is that of a text which the reader has as the file.
    const problems = outcome.problems.map((problem) => problem.replaceAll(`${name}.pushed`, name));
    const result = { ...outcome, problems, sha256: createHash('sha256').update(config).digest('hex') };
    if (outcome.result === 'refused' || outcome.result === 'rolledBack') {
      await rm(candidate, { force: true }).catch(() => undefined);
      return result;
    }
    try {
      await copyFile(file, `${file}.previous`);
      await rename(candidate, file);
    } catch (error) {
      const words = `it runs, but ${file} could not be replaced (${messageOf(error)}): at the next start the old one comes back`;
      log.error({ by }, words);
      return { ...result, problems: [words] };
    }
    log.warn({ by, file, previous: `${file}.previous` }, 'configuration replaced from the hub');
    return result;
  }

  async #load(candidate: string): Promise<LoadedConfig> {
    const config = await this.#options.load(candidate);
    const before = this.#options.running();
    const other = AT_THE_MACHINE.filter((setting) => !isDeepStrictEqual(config[setting], before[setting]));
    if (other.length > 0) {
      const words = `${other.join(', ')} can only be changed at the machine: leave ${other.length === 1 ? 'it' : 'them'} as ${other.length === 1 ? 'it is' : 'they are'}`;
      throw new LinesideError('CONFIG_AT_MACHINE', 'config', words);
    }
    return { ...config, file: this.#options.file };
  }
}

function refused(problem: string): ConfigPushResult {
  return {
    ...{ result: 'refused', problems: [problem], needsRestart: [], sha256: '' },
    changes: { added: [], changed: [], removed: [] },
  };
}
