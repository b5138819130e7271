/**
 * Takes over a changed configuration while the gateway runs: all of it or nothing, one after the other, and each
 * attempt leaves a word on what came of it.
 */
import { ConfigError, formatProblem } from '@lineside/shared/config/config-document.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Changes, changesBetween } from './config/changes.ts';
import type { LoadedConfig } from './config/load-config.ts';
import { needingRestart } from './config/restart-settings.ts';

export interface ReloadOutcome {
  /** Milliseconds since 1970 UTC. */
  at: number;
  /** Who wanted it, such as `SIGHUP`. */
  by: string;
  /** `refused`: nothing was touched; `rolledBack`: what ran before was stopped and runs again. */
  result: 'applied' | 'unchanged' | 'refused' | 'rolledBack';
  /** Why it was refused or rolled back, a line each; empty when it was not. */
  problems: string[];
  changes: Changes;
  /** Settings that differ and are taken over at the next start. */
  needsRestart: string[];
}

interface Runs {
  readonly config: LoadedConfig;
  change(config: LoadedConfig, mayGoOn: () => boolean): Promise<void>;
}

export interface ReloaderOptions {
  pipeline: Runs;
  /** Told of each attempt when it is over. */
  onOutcome?(outcome: ReloadOutcome): void;
  log: Logger;
  now(): number;
}

const NONE: Changes = { added: [], changed: [], removed: [] };

export class Reloader {
  readonly #options: ReloaderOptions;
  /** What the gateway was started with: its fixed settings are in force until it ends. */
  readonly #started: LoadedConfig;
  #last: ReloadOutcome | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #exchange: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#started = options.pipeline.config;
  }

  /** The newest outcome; null before the first. */
  get last(): ReloadOutcome | null {
    return this.#last;
  }

  /**
   * Reads a configuration and takes it over, after all that were asked for before. Never rejects.
   *
   * @param by who wants it, for the log and the local page
   * @param load reads and checks it when its turn has come; it rejects with a ConfigError when it is not sound
   */
  reload(by: string, load: () => Promise<LoadedConfig>): Promise<ReloadOutcome> {
    const outcome = this.#turn.then(() => this.#attempt(by, load));
    this.#turn = outcome;
    return outcome;
  }

  /** Waits for an exchange under way; none begins afterwards, also of what is being read at the moment. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#exchange.catch(() => undefined);
  }

  async #attempt(by: string, load: () => Promise<LoadedConfig>): Promise<ReloadOutcome> {
    const { pipeline, log, now } = this.#options;
    let changes = NONE;
    let needsRestart: string[] = [];
    let result: ReloadOutcome['result'];
    let problems: string[] = [];
    try {
      this.#expectRunning();
      const config = await load();
      this.#expectRunning();
      changes = changesBetween(pipeline.config, config);
      needsRestart = needingRestart(this.#started, config);
      this.#exchange = pipeline.change(config, () => !this.#stopped);
      await this.#exchange;
      result = Object.values(changes).every((names) => names.length === 0) ? 'unchanged' : 'applied';
    } catch (error) {
      const rolledBack = error instanceof LinesideError && error.code === 'RELOAD_ROLLED_BACK';
      result = rolledBack ? 'rolledBack' : 'refused';
      problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [messageOf(error)];
    }
    this.#last = { at: now(), by, result, problems, changes, needsRestart };
    this.#tell(log, this.#last);
    this.#options.onOutcome?.(this.#last);
    return this.#last;
  }

  #expectRunning(): void {
    if (this.#stopped) throw new LinesideError('GATEWAY_STOPPING', 'outside', 'the gateway is stopping');
  }

  #tell(log: Logger, { by, result, problems, changes, needsRestart }: ReloadOutcome): void {
    for (const problem of problems) log.error({ by }, problem);
    if (result === 'refused')
      log.error({ by, problems: problems.length }, 'configuration refused; the old one stays');
    if (result === 'rolledBack') log.error({ by }, 'configuration rolled back; the old one runs again');
    if (result === 'applied') log.info({ by, ...changes }, 'configuration taken over');
    if (result === 'unchanged') log.info({ by }, 'configuration read; no device, model or alarm has changed');
    if (problems.length > 0) return;
    for (const setting of needsRestart) log.warn({ by, setting }, `${setting} has changed: it needs a restart`);
  }
}
