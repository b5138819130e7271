/** A pump that plays a recording into frames, one row a second, by a clock of the test's own. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { emptyFrame, type Frame, pushSample, type Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import type { ModelConfig } from '../../../gateway/models/config.ts';
import { ModelStage, type ModelStageDeps, type ModelStatus } from '../../../gateway/models/model-stage.ts';
import { readRecording } from '../../../hub/models/recording.ts';

export const ROOT = resolve(import.meta.dirname, '../../..');
export const MODEL_DIR = join(ROOT, 'config/models');
export const STEP = 1_000;
const TEMPERATURE = 7;
export const SCORE = 9;

const CONFIG: ModelConfig = {
  id: 'pump-anomaly',
  file: 'pump-anomaly.json',
  inputs: { temperature: 'pump/temperature' },
  stepMs: STEP,
};

export const recording = readRecording(join(ROOT, 'demo/data/nab/machine_temperature_system_failure.csv.gz'));

/** Index of the first row at or after a time. */
export function rowAt(iso: string): number {
  const at = Date.parse(iso);
  return recording.at.findIndex((t) => t >= at);
}

export class Playback {
  /** On a step boundary, so that a row is due exactly when the clock has gone on by a step. */
  now = 1_700_000_000_000;
  readonly frames: Frame[] = [];
  readonly statuses: ModelStatus[] = [];
  readonly stage: ModelStage;

  constructor(config: Partial<ModelConfig> = {}, deps: Partial<ModelStageDeps> = {}) {
    this.stage = new ModelStage(
      { ...CONFIG, ...config },
      {
        onFrame: (frame) => this.frames.push(frame),
        onStatus: (status) => this.statuses.push(status),
        tagId: (device, tag) => (device === 'pump' && tag === 'temperature' ? TEMPERATURE : undefined),
        outputTag: SCORE,
        configDir: MODEL_DIR,
        log: createLogger({ level: 'silent', name: 'test' }),
        now: () => this.now,
        after: () => () => {},
        ...deps,
      },
    );
  }

  /** One step: a sample arrives in its middle, and its row is closed at its end. */
  async step(value: Value | undefined, quality: number = Quality.Good): Promise<void> {
    if (value !== undefined) {
      const at = this.now + STEP / 2;
      const frame = emptyFrame('pump', at);
      pushSample(frame, 3, at, 12, Quality.Good);
      pushSample(frame, TEMPERATURE, at, value, quality);
      this.stage.observe(frame);
    }
    this.now += STEP;
    await this.stage.tick(this.now);
  }

  /** Plays rows of the recording; the result is what was scored, in order. */
  async play(first: number, count: number): Promise<number[]> {
    const before = this.frames.length;
    for (let i = first; i < first + count; i++) await this.step(recording.rows[i]![0]!);
    return this.scores(before);
  }

  scores(from = 0): number[] {
    return this.frames.slice(from).flatMap((f) => (typeof f.values[0] === 'number' ? [f.values[0]] : []));
  }

  /** [value, quality] of each frame. */
  samples(): [Value, number][] {
    return this.frames.map((f) => [f.values[0]!, f.quality[0]!]);
  }
}

export function tempDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'lineside-model-'));
}
