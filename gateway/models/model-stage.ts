/**
 * One model in the pipeline: frames in, a frame with a score out at each step. A model that cannot be loaded or
 * fails later switches itself off, says why, and leaves the rest of the gateway alone.
 *
 * The score's tag is never left at an old value that looks current: it is Bad (BadWaitingForInitialData until the
 * first window is whole, BadNoData when an input is missing, BadOutOfService when the model is off), said once at
 * each change.
 */
import { emptyFrame, type Frame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type ModelConfig, manifestFile, maxAgeOf, outputOf, parseTagPath } from './config.ts';
import { checkInputs } from './manifest.ts';
import { ModelRunner } from './model-runner.ts';
import { type RowState, ScoringWindow } from './window.ts';

export interface ModelStageDeps {
  /** Takes the score: one sample of the tag `outputTag`. Must not throw; called between frames, never inside `observe`. */
  onFrame(frame: Frame): void;
  /** Called at each change of `state`. */
  onStatus?(status: ModelStatus): void;
  /** Id of a configured tag; undefined when there is none. */
  tagId(device: string, tag: string): number | undefined;
  /** Id of the tag that takes the score (`outputOf(config)`). */
  outputTag: number;
  /** Folder of the configuration; `file` is relative to it. */
  configDir: string;
  log: Logger;
  /** Wall clock, milliseconds since 1970 UTC. */
  now(): number;
  /** Calls back once after `ms`; the result cancels. Default: a timer that keeps no process alive. */
  after?(ms: number, callback: () => void): () => void;
}

export type ModelState = 'waiting' | 'running' | 'failed';

export interface ModelStatus {
  id: string;
  state: ModelState;
  /** Why it is not running, and what to do; empty while running. */
  reason: string;
  lastScore: number | null;
  /** Time of the newest row that was scored, milliseconds since 1970 UTC. */
  lastScoreAt: number | null;
  inferences: number;
  /** Rows that were due while the inference before was still running. */
  skipped: number;
  /** Mean time of an inference, microseconds; 0 before the first. */
  meanMicros: number;
}

/** A row must have closed when its tick comes, also when the timer fires a little early. */
const TIMER_MARGIN_MS = 2;

function timer(ms: number, callback: () => void): () => void {
  const handle = setTimeout(callback, ms);
  handle.unref();
  return () => clearTimeout(handle);
}

export class ModelStage {
  readonly #config: ModelConfig;
  readonly #deps: ModelStageDeps;
  readonly #device: string;
  #state: ModelState = 'waiting';
  #reason = 'not started';
  #runner: ModelRunner | undefined;
  #window: ScoringWindow | undefined;
  #inFlight: Promise<void> | undefined;
  #cancelTimer: () => void = () => {};
  #stopped = false;
  #scoredAt = Number.NaN;
  #quality: number | undefined;
  #lastScore: number | null = null;
  #lastScoreAt: number | null = null;
  #inferences = 0;
  #skipped = 0;
  #micros = 0;

  constructor(config: ModelConfig, deps: ModelStageDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#device = outputOf(config).device;
  }

  /**
   * Loads and checks the model, then scores at each step until `stop`. Never rejects: a model that is refused is
   * in state `failed`, with the reason. About 0.1 s.
   */
  async start(): Promise<void> {
    if (this.#stopped || this.#runner !== undefined) return;
    const { id } = this.#config;
    const path = manifestFile(this.#config, this.#deps.configDir);
    try {
      const runner = await ModelRunner.load(path);
      if (this.#stopped) {
        await runner.release();
        return;
      }
      this.#runner = runner;
      checkInputs(id, path, runner.manifest, Object.keys(this.#config.inputs));
      this.#window = this.#makeWindow(runner);
    } catch (error) {
      await this.#fail(messageOf(error));
      return;
    }
    this.#say('waiting', 'no row yet');
    this.#emitBad(Quality.BadWaitingForInitialData, this.#deps.now());
    this.#arm();
  }

  #makeWindow(runner: ModelRunner): ScoringWindow {
    const { stepMs, inputs } = this.#config;
    return new ScoringWindow({
      rows: runner.manifest.window.rows,
      stepMs,
      maxAgeMs: maxAgeOf(this.#config),
      inputs: runner.manifest.inputs.map(({ name }) => {
        const path = inputs[name]!;
        const { device, tag } = parseTagPath(path);
        const id = this.#deps.tagId(device, tag);
        if (id !== undefined) return { path, device, tag: id };
        throw new LinesideError(
          'MODEL_TAG',
          'config',
          `model ${this.#config.id}, input ${name}: there is no tag ${path}; name a configured one as device/tag`,
        );
      }),
    });
  }

  /** Takes a frame of any device. Cheap when it has none of the inputs; never throws. */
  observe(frame: Frame): void {
    if (this.#state !== 'failed') this.#window?.observe(frame);
  }

  /**
   * Closes the rows that are due at `now` and scores the newest window when it is whole. `start` has it called at
   * each step; a test may call it itself.
   */
  async tick(now: number): Promise<void> {
    const window = this.#window;
    if (window === undefined || this.#runner === undefined || this.#state === 'failed' || this.#stopped) return;
    const row = window.advance(now);
    if (row === null || row.at === this.#scoredAt) return;
    if (this.#inFlight !== undefined) {
      this.#skipped += 1;
      return;
    }
    this.#scoredAt = row.at;
    const { rows } = this.#runner.manifest.window;
    if (row.whole < rows) {
      const gap = row.whole === 0 || row.reason === '' ? row.reason : `before them: ${row.reason}`;
      this.#say('waiting', `${row.whole} of ${rows} rows are there${gap && `; ${gap}`}`);
      this.#emitBad(this.#lastScore === null ? Quality.BadWaitingForInitialData : Quality.BadNoData, row.at);
      return;
    }
    this.#inFlight = this.#infer(this.#runner, window.copy(), row).finally(() => {
      this.#inFlight = undefined;
    });
    await this.#inFlight;
  }

  async #infer(runner: ModelRunner, values: Float64Array, row: RowState): Promise<void> {
    let score: number;
    try {
      const began = performance.now();
      score = await runner.score(values);
      this.#micros += (performance.now() - began) * 1000;
    } catch (error) {
      await this.#fail(`the model stopped with an error: ${messageOf(error)}; train it again or remove it`);
      return;
    }
    if (this.#stopped) return;
    this.#inferences += 1;
    if (!Number.isFinite(score)) {
      this.#say('waiting', `the score is ${score}: an input is far outside of what the model can compute with`);
      this.#emitBad(Quality.BadOutOfRange, row.at);
      return;
    }
    this.#lastScore = score;
    this.#lastScoreAt = row.at;
    this.#say('running', '');
    this.#emit(score, row.uncertain ? Quality.Uncertain : Quality.Good, row.at);
  }

  status(): ModelStatus {
    return {
      id: this.#config.id,
      state: this.#state,
      reason: this.#reason,
      lastScore: this.#lastScore,
      lastScoreAt: this.#lastScoreAt,
      inferences: this.#inferences,
      skipped: this.#skipped,
      meanMicros: this.#inferences === 0 ? 0 : this.#micros / this.#inferences,
    };
  }

  /** Idempotent, safe before `start`; after it resolves no more frames come. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#inFlight?.catch(() => {});
    const runner = this.#runner;
    this.#runner = undefined;
    await runner?.release();
  }

  #arm(): void {
    if (this.#stopped || this.#state === 'failed') return;
    const { stepMs } = this.#config;
    // a timer holds at most 2^31 − 1 ms; a step is at most a day
    const wait = stepMs - (this.#deps.now() % stepMs) + TIMER_MARGIN_MS;
    this.#cancelTimer = (this.#deps.after ?? timer)(wait, () => {
      this.tick(this.#deps.now()).catch((error: unknown) => this.#fail(messageOf(error)));
      this.#arm();
    });
  }

  async #fail(reason: string): Promise<void> {
    this.#cancelTimer();
    const runner = this.#runner;
    this.#runner = undefined;
    this.#window = undefined;
    this.#say('failed', reason);
    if (!this.#stopped) this.#emitBad(Quality.BadOutOfService, this.#deps.now());
    try {
      await runner?.release();
    } catch (error) {
      this.#deps.log.warn({ model: this.#config.id, reason: messageOf(error) }, 'model could not be released');
    }
  }

  #say(state: ModelState, reason: string): void {
    const changed = state !== this.#state || this.#reason === 'not started';
    this.#state = state;
    this.#reason = reason;
    if (!changed) return;
    const line = { model: this.#config.id, state, reason };
    if (state === 'failed') this.#deps.log.error(line, 'model is off');
    else this.#deps.log.info(line, 'model');
    this.#deps.onStatus?.(this.status());
  }

  #emitBad(quality: number, at: number): void {
    if (quality !== this.#quality) this.#emit(null, quality, at);
  }

  #emit(score: number | null, quality: number, at: number): void {
    this.#quality = quality;
    const frame = emptyFrame(this.#device, this.#deps.now());
    pushSample(frame, this.#deps.outputTag, at, score, quality);
    this.#deps.onFrame(frame);
  }
}
