/** One ONNX model, verified and ready: raw windows in, scores out. */
import type { ModelManifest } from '@lineside/shared/contracts/model-manifest.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { loadModelFiles } from './manifest.ts';

type Runtime = typeof import('onnxruntime-node');

/** One thread, in order: the models are small, and the other cores belong to the line's data. */
const SESSION: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 3,
};

/** The runtime's messages run over several lines; an operator's is one. */
const inOneLine = (error: unknown): string => messageOf(error).replaceAll(/\s+/g, ' ').trim();

export class ModelRunner {
  readonly manifest: ModelManifest;
  readonly #session: InferenceSession;
  readonly #tensor: Runtime['Tensor'];
  readonly #input: Float32Array;

  private constructor(manifest: ModelManifest, session: InferenceSession, tensor: Runtime['Tensor']) {
    this.manifest = manifest;
    this.#session = session;
    this.#tensor = tensor;
    this.#input = new Float32Array(manifest.window.rows * manifest.inputs.length);
  }

  /**
   * Loads a model and runs its golden vectors. The runtime is loaded with the first model, not with the gateway:
   * it costs 10 MB that a gateway without models keeps.
   * @param file path of the manifest.
   * @throws LinesideError (config) naming the file and the remedy: unreadable, wrong hash, not an ONNX file, other
   * inputs, outputs or width than the manifest says, or other scores than the golden ones.
   */
  static async load(file: string): Promise<ModelRunner> {
    const { manifest, onnxFile, onnx } = loadModelFiles(file);
    const { InferenceSession: Session, Tensor: RuntimeTensor } = await import('onnxruntime-node');
    let session: InferenceSession;
    try {
      session = await Session.create(onnx, SESSION);
    } catch (cause) {
      throw new LinesideError(
        'model.onnx',
        'config',
        `${onnxFile} cannot be loaded as an ONNX model (${inOneLine(cause)}): train or export it again`,
        { cause },
      );
    }
    const runner = new ModelRunner(manifest, session, RuntimeTensor);
    try {
      runner.#checkNames(onnxFile);
      await runner.#checkGolden(file);
    } catch (error) {
      await runner.release();
      throw error;
    }
    return runner;
  }

  /**
   * Scores one window. Not to be called again before the first call has resolved.
   * @param window rows × inputs raw values, the oldest row first; all finite, for the model answers NaN with a
   * plausible number.
   * @throws RangeError on another length or a value that is not finite; whatever the runtime throws.
   */
  async score(window: ArrayLike<number>): Promise<number> {
    const { inputs, onnx } = this.manifest;
    const input = this.#input;
    if (window.length !== input.length)
      throw new RangeError(`a window has ${input.length} values, not ${window.length}`);
    for (let i = 0; i < input.length; i++) {
      const value = window[i]!;
      if (!Number.isFinite(value)) throw new RangeError(`value ${i} of the window is ${value}`);
      const { mean, std } = inputs[i % inputs.length]!;
      // in float64: scaling inside a float32 graph costs accuracy
      input[i] = (value - mean) / std;
    }
    const outputs = await this.#session.run({ [onnx.input]: new this.#tensor('float32', input, [1, input.length]) });
    const output = outputs[onnx.output] as Tensor;
    if (output.type !== 'float32' || output.size !== 1) {
      throw new RangeError(`output ${onnx.output} is ${output.type} [${output.dims}], not one float32`);
    }
    return (output.data as Float32Array)[0]!;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  #checkNames(onnxFile: string): void {
    const { input, output } = this.manifest.onnx;
    const { inputNames, outputNames } = this.#session;
    if (inputNames.length === 1 && inputNames[0] === input && outputNames.includes(output)) return;
    throw new LinesideError(
      'model.onnx',
      'config',
      `${onnxFile} takes ${inputNames.join(', ')} and gives ${outputNames.join(', ')}; its manifest says ${input} and ` +
        `${output}: the two files do not belong together, copy both again`,
    );
  }

  async #checkGolden(file: string): Promise<void> {
    const { golden, limit } = this.manifest;
    for (const [i, vector] of golden.vectors.entries()) {
      let actual: number;
      try {
        actual = await this.score(vector.rows.flat());
      } catch (cause) {
        throw new LinesideError(
          'MODEL_WIDTH',
          'config',
          `${file}: golden vector ${i} cannot be run (${inOneLine(cause)}): window.rows or inputs do not fit the ONNX ` +
            'file; train it again',
          { cause },
        );
      }
      const allowed = golden.tolerance * Math.max(Math.abs(vector.score), limit.value);
      // written so that NaN fails
      if (Math.abs(actual - vector.score) <= allowed) continue;
      throw new LinesideError(
        'MODEL_GOLDEN',
        'config',
        `${file}: golden vector ${i} (${vector.note}) scores ${actual} on this machine, expected ${vector.score} ` +
          `within ${allowed}: the model is not run as it was trained; do not use it, train it again`,
      );
    }
  }
}
