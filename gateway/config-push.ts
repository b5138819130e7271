/**
 * A configuration that the hub sends. It goes the way of a changed file: checked, made ready, exchanged as a whole or not
 * at all. Then it is on trial: only when the hub has seen the gateway with it, and says so in time, does it take the
 * file's place; otherwise the file is taken over again. So one that cuts the gateway off, or ends it, goes by itself.
 * How the gateway is reached is changed at the machine alone.
 *
 * Where settings need a restart, the hub may have the gateway start anew with it: then the trial begins with that start,
 * and the way back is another one.
 */
import { createHash } from 'node:crypto';
import { copyFile, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { SENT_BY_HUB } from '@lineside/shared/contracts/event.ts';
import type { ConfigCheck, ConfigText } from '@lineside/shared/contracts/fleet.ts';
import type { ConfigPushCommand, ConfigPushResult, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { syncToDisk, writeDurably } from '@lineside/shared/disk/durable-file.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { changesBetween } from './config/changes.ts';
import type { LoadedConfig } from './config/load-config.ts';
import { needingRestart } from './config/restart-settings.ts';
import { candidateOf, forgetTrial, keepTrial, type RestartTrial } from './config-trial.ts';
import type { ReloadOutcome } from './reloader.ts';

/** What nobody may change from afar. */
const AT_THE_MACHINE = ['gateway', 'dataDir', 'hub'] as const;
const NO_CHANGES = { added: [], changed: [], removed: [] };
/** The answer has left before the gateway ends. Milliseconds. */
const FAREWELL_MS = 300;

export interface ConfigPushOptions {
  /** The gateway's configuration file. */
  file: string;
  running(): LoadedConfig;
  load(file: string): Promise<LoadedConfig>;
  reload(by: string, load: () => Promise<LoadedConfig>): Promise<ReloadOutcome>;
  /** By which this process was started; null when that is the file. */
  trial: RestartTrial | null;
  /** Why nothing would start the gateway again; empty when something would. */
  notRestarted(): string;
  restart(reason: string): void;
  /** A trial has begun or ended. */
  onTrial(): void;
  /** Told of what a restart did with a configuration; of all others the reloader tells. */
  onOutcome(outcome: ReloadOutcome): void;
  log: Logger;
  now(): number;
}

interface Trial {
  id: string;
  by: string;
  /** On the clock of `performance.now()`. */
  endsAt: number;
  timer: NodeJS.Timeout;
}

export class ConfigPush {
  readonly #options: ConfigPushOptions;
  readonly #started: LoadedConfig;
  #turn: Promise<unknown> = Promise.resolve();
  #last: { id: string; result: Promise<ConfigPushResult> } | undefined;
  #trial: Trial | undefined;
  /** Resolves when a trial that this process was started with has begun. */
  readonly #begun = Promise.withResolvers<void>();
  /** The gateway is about to end. */
  #leaving = false;

  constructor(options: ConfigPushOptions) {
    this.#options = options;
    this.#started = options.running();
  }

  /**
   * Takes up a trial that this process was started with; removes what a process before has left of one that it did not
   * live to see the end of. Before anything is started.
   *
   * @param problem why the one that was to be tried is not; empty when there was none
   */
  async open(problem: string): Promise<void> {
    const { file, trial, log } = this.#options;
    if (trial) {
      try {
        await keepTrial(file, { ...trial, begun: true });
      } catch (cause) {
        // Else it would be tried for ever.
        await forgetTrial(file);
        const words = `a configuration of the hub is not tried: ${messageOf(cause)}; the one before runs at the next start`;
        throw new LinesideError('CONFIG_NOT_KEPT', 'outside', words, { cause });
      }
      log.warn({ by: trial.by }, 'started with a configuration of the hub, on trial');
      return;
    }
    const left = await readFile(this.#candidate, 'utf8').catch(() => undefined);
    await forgetTrial(file);
    if (left === undefined) return;
    const words = 'the gateway ended before a configuration of the hub was confirmed: the one before runs again';
    log.error({ file, ...(problem && { problem }) }, words);
  }

  /** All runs: the time of a trial that this process was started with begins. */
  started(): void {
    const { trial } = this.#options;
    if (!trial) return;
    this.#begin(trial, () => this.#startBack(trial));
    this.#begun.resolve();
    this.#tell(trial.by, 'applied', []);
  }

  /** For the status: undefined while nothing is on trial. */
  get trial(): GatewayStatus['trial'] {
    if (!this.#trial) return undefined;
    const { by, endsAt } = this.#trial;
    return { by, endsInMs: Math.max(0, Math.round(endsAt - performance.now())) };
  }

  /** A trial that is under way ends without a word: the file is taken over again at the next start. */
  stop(): void {
    clearTimeout(this.#trial?.timer);
    this.#trial = undefined;
  }

  /** Somebody at the machine takes the file over: that ends a trial. */
  async giveUpTrial(): Promise<void> {
    if (!this.#trial) return;
    this.#options.log.warn({ by: this.#trial.by }, 'the file is taken over: the configuration on trial is given up');
    this.#end();
    await forgetTrial(this.#options.file);
  }

  /**
   * Takes a configuration over, after all that came before. Never rejects; the same command again gets the same result.
   *
   * @param notAfter when it must not begin any more, on the clock of `performance.now()`
   */
  take(command: ConfigPushCommand, notAfter: number): Promise<ConfigPushResult> {
    if (this.#last?.id === command.id) return this.#last.result;
    const result = this.#inTurn(() => this.#take(command, notAfter));
    this.#last = { id: command.id, result };
    return result;
  }

  /** The file, and what runs. @throws Error when the file cannot be read */
  async read(): Promise<ConfigText> {
    const config = await readFile(this.#options.file, 'utf8');
    return { config, sha256: sha256(config), running: this.#options.running().sha256 };
  }

  /** Looks at a configuration, and changes nothing. Never rejects for what is wrong with it. */
  check(text: string): Promise<ConfigCheck> {
    return this.#inTurn(async () => {
      const looked = `${this.#options.file}.checked`;
      const nothing = { problems: [], changes: NO_CHANGES, needsRestart: [], sha256: sha256(text) };
      try {
        await writeDurably(looked, text);
        const config = await this.#load(looked);
        const { running } = this.#options;
        const needsRestart = needingRestart(this.#started, config);
        return { ...nothing, sound: true, changes: changesBetween(running(), config), needsRestart };
      } catch (error) {
        return { ...nothing, sound: false, problems: this.#problems(error, '.checked') };
      } finally {
        await rm(looked, { force: true }).catch(() => undefined);
      }
    });
  }

  /**
   * The hub has seen the gateway with it: it takes the file's place. One that the hub saw before all of it ran waits for that.
   *
   * @throws LinesideError TRIAL_OVER
   */
  async confirm(id: string): Promise<void> {
    if (this.#options.trial?.id === id) await this.#begun.promise;
    return this.#inTurn(async () => {
      if (this.#trial?.id !== id) {
        const words =
          'it is not on trial any more: it was not confirmed in time, or the file was taken over at the machine';
        throw new LinesideError('TRIAL_OVER', 'outside', words);
      }
      const { by } = this.#trial;
      this.#end();
      await this.#keep(by);
    });
  }

  get #candidate(): string {
    return candidateOf(this.#options.file);
  }

  async #take(command: ConfigPushCommand, notAfter: number): Promise<ConfigPushResult> {
    const { file, running } = this.#options;
    const { config, by } = command;
    if (!running().hub.accept.includes('config')) {
      return refused(
        'this gateway takes no configuration from the hub: add config to hub.accept in it, at the machine',
      );
    }
    if (performance.now() > notAfter) return refused('it came too late, and was not looked at');
    if (this.#trial) return refused(`a configuration of ${this.#trial.by} is on trial: wait for its end`);
    if (this.#leaving) return refused('the gateway is about to start anew: wait until it is back');
    // Beside the file: what it names by a relative path is found as it will be later.
    try {
      await writeDurably(this.#candidate, config);
    } catch (error) {
      return refused(`the gateway may not write beside ${file}: ${messageOf(error)}; change the file at the machine`);
    }
    if (command.restart) {
      const answer = await this.#startWith(command);
      if (answer) return answer;
    }
    const outcome = await this.#options.reload(`${SENT_BY_HUB}${by}`, () => this.#load(this.#candidate));
    const result = {
      ...outcome,
      problems: outcome.problems.map((one) => this.#placed(one, '.pushed')),
      sha256: sha256(config),
    };
    if (outcome.result === 'refused' || outcome.result === 'rolledBack') {
      await rm(this.#candidate, { force: true }).catch(() => undefined);
      return result;
    }
    if (outcome.result === 'applied') {
      this.#begin(command, () => this.#rollBack(command));
      return { ...result, trial: true };
    }
    // Nothing that runs has changed, so there is nothing to try.
    try {
      await this.#keep(by);
      return result;
    } catch (error) {
      return { ...result, problems: [messageOf(error)] };
    }
  }

  /** Makes ready a start with it. @returns undefined when none is needed for it */
  async #startWith({ id, by, confirmWithinMs, config }: ConfigPushCommand): Promise<ConfigPushResult | undefined> {
    const { file, running, notRestarted, restart, log } = this.#options;
    const result = { sha256: sha256(config), problems: [], changes: NO_CHANGES, needsRestart: [] };
    const refuse = async (problems: string[]): Promise<ConfigPushResult> => {
      await forgetTrial(file);
      return { ...result, result: 'refused', problems };
    };
    try {
      const wanted = await this.#load(this.#candidate);
      const needsRestart = needingRestart(this.#started, wanted);
      if (needsRestart.length === 0) return undefined;
      if (!running().hub.accept.includes('restart')) {
        return refuse(['this gateway is not restarted by the hub: add restart to hub.accept in it, at the machine']);
      }
      const why = notRestarted();
      if (why) return refuse([why]);
      await keepTrial(file, { id, by, sha256: wanted.sha256, confirmWithinMs, begun: false });
      const changes = changesBetween(running(), wanted);
      log.warn({ by, needsRestart }, 'starting anew with a configuration of the hub, on trial');
      this.#leaving = true;
      setTimeout(() => restart(`a configuration of the hub on trial, for ${by}`), FAREWELL_MS);
      return { ...result, result: 'applied', changes, needsRestart, trial: true, restarted: true };
    } catch (error) {
      return refuse(this.#problems(error, '.pushed'));
    }
  }

  #begin(
    { id, by, confirmWithinMs }: Pick<RestartTrial, 'id' | 'by' | 'confirmWithinMs'>,
    goBack: () => Promise<void>,
  ) {
    const timer = setTimeout(() => void this.#inTurn(goBack), confirmWithinMs);
    this.#trial = { id, by, endsAt: performance.now() + confirmWithinMs, timer };
    this.#options.onTrial();
  }

  #end(): void {
    this.stop();
    this.#options.onTrial();
  }

  /** @throws LinesideError CONFIG_NOT_KEPT */
  async #keep(by: string): Promise<void> {
    const { file, log } = this.#options;
    try {
      await copyFile(file, `${file}.previous`);
      await rename(this.#candidate, file);
      await syncToDisk(dirname(file));
      await forgetTrial(file);
    } catch (error) {
      const words = `it runs, but ${file} could not be replaced (${messageOf(error)}): at the next start the old one comes back`;
      log.error({ by }, words);
      throw new LinesideError('CONFIG_NOT_KEPT', 'outside', words, { cause: error });
    }
    log.warn({ by, file, previous: `${file}.previous` }, 'configuration replaced from the hub');
  }

  async #rollBack({ id, by, confirmWithinMs }: ConfigPushCommand): Promise<void> {
    if (this.#trial?.id !== id) return;
    const { file, load, reload, log } = this.#options;
    this.#trial = undefined;
    const seconds = confirmWithinMs / 1_000;
    log.error({ by, seconds }, 'the hub has not confirmed the configuration: the one before is taken over again');
    await reload(`rolled back: not confirmed by the hub within ${seconds} s, for ${by}`, () => load(file));
    await forgetTrial(file);
    this.#options.onTrial();
  }

  /** As `#rollBack` where the way back is a start with the file. */
  async #startBack({ id, by, confirmWithinMs }: RestartTrial): Promise<void> {
    if (this.#trial?.id !== id) return;
    const { file, restart, log } = this.#options;
    const why = `not confirmed by the hub within ${confirmWithinMs / 1_000} s`;
    this.#end();
    this.#leaving = true;
    await forgetTrial(file);
    log.error({ by }, `the configuration on trial was ${why}: starting anew with the one before`);
    this.#tell(by, 'rolledBack', [why]);
    restart(`a configuration of the hub was ${why}, for ${by}`);
  }

  #tell(by: string, result: ReloadOutcome['result'], problems: string[]): void {
    const { onOutcome, now } = this.#options;
    onOutcome({ at: now(), by: `${SENT_BY_HUB}${by}`, result, problems, changes: NO_CHANGES, needsRestart: [] });
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

  #problems(error: unknown, suffix: string): string[] {
    const problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [messageOf(error)];
    return problems.map((problem) => this.#placed(problem, suffix));
  }

  /** The place is that of a text which the reader has as the file. */
  #placed(problem: string, suffix: string): string {
    const name = basename(this.#options.file);
    return problem.replaceAll(`${name}${suffix}`, name);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function refused(problem: string): ConfigPushResult {
  return { ...{ result: 'refused', problems: [problem], needsRestart: [], sha256: '' }, changes: NO_CHANGES };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
