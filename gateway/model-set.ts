/** The models that run beside the machines, and how they become others: one that did not change keeps its window. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError, type ConfigProblem } from '@lineside/shared/config/config-document.ts';
import { emptyFrame, type Frame, pushSample, type Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { modelProblem } from './config/check-models.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { TagId } from './device-set.ts';
import { type ModelConfig, manifestFile, outputOf, parseTagPath } from './models/config.ts';
import { checkInputs } from './models/manifest.ts';
import { ModelRunner } from './models/model-runner.ts';
import { ModelStage, type ModelStatus } from './models/model-stage.ts';

export interface ModelSetOptions {
  onFrame(frame: Frame): void;
  log: Logger;
  now(): number;
}

interface Model {
  config: ModelConfig;
  /** Changes with anything that it is made of. */
  print: string;
  output: { device: string; tag: number };
  stage: ModelStage;
  make(): Model;
}

interface LastSample {
  sourceAt: number;
  value: Value;
  quality: number;
}

/** What is to be done to get from one set to another. */
export interface ModelSwap {
  next: Model[];
  fresh: Model[];
  gone: Model[];
}

export class ModelSet {
  readonly #options: ModelSetOptions;
  #models: Model[] = [];

  constructor(options: ModelSetOptions) {
    this.#options = options;
  }

  statuses(): ModelStatus[] {
    return this.#models.map(({ stage }) => stage.status());
  }

  observe(frame: Frame): void {
    for (const { stage } of this.#models) stage.observe(frame);
  }

  /** Makes what is new or has changed. Starts nothing, and does not look whether a model can be loaded. */
  prepare(config: LoadedConfig, tagId: TagId): ModelSwap {
    const fresh: Model[] = [];
    const next = config.models.map((model) => {
      const print = printOf(model, config, tagId);
      const known = this.#models.find((one) => one.print === print);
      if (known && known.stage.status().state !== 'failed') return known;
      const made = this.#make(model, print, config, tagId);
      fresh.push(made);
      return made;
    });
    return { next, fresh, gone: this.#models.filter((model) => !next.includes(model)) };
  }

  /**
   * Loads each model that is new, runs its golden vectors and lets it go again: about 0.1 s each. One that was off
   * before for the same reason stays in its place: it is no obstacle to anything else.
   *
   * @throws ConfigError naming every one that is refused
   */
  async rehearse(swap: ModelSwap, config: LoadedConfig): Promise<void> {
    const problems: ConfigProblem[] = [];
    for (const made of [...swap.fresh]) {
      const model = made.config;
      const file = manifestFile(model, config.resolvePath('.'));
      try {
        const runner = await ModelRunner.load(file);
        await runner.release();
        checkInputs(model.id, file, runner.manifest, Object.keys(model.inputs));
      } catch (error) {
        const before = swap.gone.find(({ print }) => print === made.print);
        if (before) {
          swap.next[swap.next.indexOf(made)] = before;
          swap.fresh = swap.fresh.filter((other) => other !== made);
          swap.gone = swap.gone.filter((other) => other !== before);
        } else problems.push(modelProblem(config, config.models.indexOf(model), error));
      }
    }
    if (problems.length > 0) throw new ConfigError(problems);
  }

  /** Stops what is gone or has changed. A score that comes no more is Bad, not as it was. */
  async retire({ gone, next }: Pick<ModelSwap, 'gone' | 'next'>): Promise<void> {
    for (const { stage, output, config } of gone) {
      await stage.stop().catch((error: unknown) => {
        this.#options.log.error({ model: config.id, reason: messageOf(error) }, 'model did not stop in order');
      });
      if (next.some((model) => model.output.tag === output.tag)) continue;
      const now = this.#options.now();
      const frame = emptyFrame(output.device, now);
      pushSample(frame, output.tag, now, null, Quality.BadOutOfService);
      this.#options.onFrame(frame);
    }
    this.#models = this.#models.filter((model) => !gone.includes(model));
  }

  /** Starts what is new. A model that cannot be loaded is off and says why. */
  async launch({ next, fresh }: Pick<ModelSwap, 'next' | 'fresh'>): Promise<void> {
    this.#models = next;
    for (const { stage } of fresh) await stage.start();
  }

  /** @throws LinesideError MODEL_OFF naming a new model that is off although it passed its rehearsal */
  expectSound({ fresh }: ModelSwap): void {
    const off = fresh.map(({ stage }) => stage.status()).find(({ state }) => state === 'failed');
    if (off) throw new LinesideError('MODEL_OFF', 'outside', `model "${off.id}" did not start: ${off.reason}`);
  }

  /** The way back from a swap that `retire` was done of. */
  async revert({ next, fresh, gone }: ModelSwap): Promise<void> {
    const again = gone.map((model) => model.make());
    const before = [...next.filter((model) => !fresh.includes(model)), ...again];
    await this.retire({ gone: fresh.filter((model) => this.#models.includes(model)), next: before });
    await this.launch({ next: before, fresh: again });
  }

  /** Tells what is new the last sample of each input: a device that reports only changes would not say it again. */
  prime({ fresh }: ModelSwap, tagId: TagId, last: (device: string, tag: number) => LastSample | undefined): void {
    for (const { stage, config } of fresh) {
      for (const { device, tag } of Object.values(config.inputs).map(parseTagPath)) {
        const id = tagId(device, tag)!;
        const sample = last(device, id);
        if (!sample) continue;
        const frame = emptyFrame(device, this.#options.now());
        pushSample(frame, id, sample.sourceAt, sample.value, sample.quality);
        stage.observe(frame);
      }
    }
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    await Promise.all(this.#models.map(({ stage }) => stage.stop()));
  }

  #make(config: ModelConfig, print: string, loaded: LoadedConfig, tagId: TagId): Model {
    const { onFrame, log, now } = this.#options;
    const { device, tag } = outputOf(config);
    const outputTag = tagId(device, tag)!;
    const configDir = loaded.resolvePath('.');
    return {
      config,
      print,
      output: { device, tag: outputTag },
      stage: new ModelStage(config, { onFrame, tagId, outputTag, configDir, log: log.child({ part: 'model' }), now }),
      make: () => this.#make(config, print, loaded, tagId),
    };
  }
}

/** The manifest names the hash of the ONNX file, so it stands for both. */
function printOf(model: ModelConfig, config: LoadedConfig, tagId: TagId): string {
  const { device, tag } = outputOf(model);
  const inputs = Object.values(model.inputs).map((path) => {
    const input = parseTagPath(path);
    return tagId(input.device, input.tag) ?? 0;
  });
  let files = 'none';
  try {
    const manifest = readFileSync(manifestFile(model, config.resolvePath('.')));
    files = createHash('sha256').update(manifest).digest('hex');
  } catch {
    // The model itself says what is wrong with it.
  }
  return JSON.stringify([model, tagId(device, tag), inputs, files]);
}
