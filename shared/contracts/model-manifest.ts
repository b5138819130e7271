/**
 * What the hub writes beside an ONNX file and the gateway reads before it runs one: what the model is, how its
 * input is laid out and scaled, what its output means, and windows with known scores to check it by.
 */
import { type Static, Type } from 'typebox';

export const MODEL_MANIFEST_FORMAT = 'lineside-model/1';

const Time = Type.String({ description: 'ISO 8601, UTC' });

const ModelInput = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  /** Unit that mean, std and the golden windows are in; empty when the training data does not say. */
  unit: Type.String({ maxLength: 32 }),
  mean: Type.Number(),
  std: Type.Number({ exclusiveMinimum: 0 }),
});

export const ModelManifest = Type.Object({
  format: Type.Literal(MODEL_MANIFEST_FORMAT),
  name: Type.String({ minLength: 1, maxLength: 128 }),
  description: Type.String(),
  onnx: Type.Object({
    /** A file in the manifest's own folder. */
    file: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*\\.onnx$' }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    /**
     * Name of the input, float32 [N, rows × inputs]: the oldest row first, in each row the inputs in the order
     * given here, each already (value − mean) / std, computed in float64.
     */
    input: Type.String({ minLength: 1 }),
    /** Name of the output, float32 [N]. */
    output: Type.String({ minLength: 1 }),
  }),
  window: Type.Object({
    rows: Type.Integer({ minimum: 1, maximum: 10_000 }),
    /** Time from row to row in the data that it was trained on, milliseconds. */
    recordingStepMs: Type.Integer({ minimum: 1 }),
  }),
  inputs: Type.Array(ModelInput, { minItems: 1, maxItems: 256 }),
  limit: Type.Object({
    /** Above it a window is unlike the training data. */
    value: Type.Number({ exclusiveMinimum: 0 }),
    meaning: Type.String(),
  }),
  trainedOn: Type.Object({
    file: Type.String(),
    sha256: Type.String(),
    /** Rows in the file. */
    rows: Type.Integer(),
    ranges: Type.Array(Type.Object({ purpose: Type.String(), from: Time, to: Time, windows: Type.Integer() })),
  }),
  method: Type.Record(Type.String(), Type.Unknown()),
  /** Figures of the training run, for people; the gateway does not read them. */
  quality: Type.Record(Type.String(), Type.Unknown()),
  golden: Type.Object({
    /** Greatest difference allowed, as a share of the score or of the limit, whichever is greater. */
    tolerance: Type.Number({ exclusiveMinimum: 0, maximum: 0.1 }),
    vectors: Type.Array(
      Type.Object({
        note: Type.String(),
        /** rows × inputs in raw units, the oldest row first. */
        rows: Type.Array(Type.Array(Type.Number())),
        score: Type.Number(),
      }),
      { minItems: 1, maxItems: 64 },
    ),
  }),
});
export type ModelManifest = Static<typeof ModelManifest>;
