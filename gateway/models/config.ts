/** What the YAML says of one model. */
import { resolve } from 'node:path';
import { type Static, Type } from 'typebox';

const TAG_PATH = '^[^/\\s]+/\\S(?:.*\\S)?$';

export const ModelConfig = Type.Object(
  {
    id: Type.String({
      pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$',
      description: 'Name of the model at this gateway, unique. Lower-case letters, digits and hyphens.',
    }),
    file: Type.String({
      minLength: 1,
      description:
        'The model: path of its manifest (.json), from the folder of this configuration. The ONNX file lies beside it.',
    }),
    inputs: Type.Record(Type.String({ minLength: 1 }), Type.String({ pattern: TAG_PATH }), {
      minProperties: 1,
      description: "Which tag feeds each input: the manifest's input name → device/tag, such as pump/temperature.",
    }),
    stepMs: Type.Integer({
      minimum: 10,
      maximum: 86_400_000,
      description:
        'Every so many milliseconds the last values enter the window as a row. Normally the step that the model was ' +
        'trained on (300000 for five minutes); 1000 for the demo, which plays five minutes a second.',
    }),
    maxAgeMs: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 604_800_000,
        description:
          'An input that the gateway received longer ago than this counts as missing, and a row without it cannot be ' +
          'scored. Default: three steps. Raise it for a tag that is reported only when it changes.',
      }),
    ),
    output: Type.Optional(
      Type.String({
        pattern: TAG_PATH,
        description:
          'The tag that takes the score, device/tag. Default: <id>.score of the device of the first input, so that the ' +
          'score is found at the machine that it is about, and alarms refer to it like to any other tag.',
      }),
    ),
  },
  { additionalProperties: false, description: 'An ONNX model that scores the recent past of some tags.' },
);
export type ModelConfig = Static<typeof ModelConfig>;

export interface TagPath {
  device: string;
  tag: string;
}

/** Splits device/tag at the first slash. A path that has none is all device, which no gateway will know. */
export function parseTagPath(path: string): TagPath {
  const slash = path.indexOf('/');
  return slash < 0 ? { device: path, tag: '' } : { device: path.slice(0, slash), tag: path.slice(slash + 1) };
}

/** Where the score goes. */
export function outputOf(config: ModelConfig): TagPath {
  if (config.output !== undefined) return parseTagPath(config.output);
  const first = Object.values(config.inputs)[0] ?? '';
  return { device: parseTagPath(first).device, tag: `${config.id}.score` };
}

export function maxAgeOf(config: ModelConfig): number {
  return config.maxAgeMs ?? 3 * config.stepMs;
}

/** Path of the model's manifest. */
export function manifestFile(config: ModelConfig, configDir: string): string {
  return resolve(configDir, config.file);
}
