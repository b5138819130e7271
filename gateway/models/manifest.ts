/** Reads a model's manifest and its ONNX file, and refuses both when they are not what they say. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ModelManifest } from '@lineside/shared/contracts/model-manifest.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Value } from 'typebox/value';

const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
const MAX_ONNX_BYTES = 256 * 1024 * 1024;
const REMEDY = 'copy the model (both files) again or train it again';

export interface LoadedModel {
  manifest: ModelManifest;
  onnxFile: string;
  onnx: Uint8Array;
}

function read(file: string, limit: number): Buffer {
  let size: number;
  let bytes: Buffer;
  try {
    size = statSync(file).size;
    if (size <= limit) bytes = readFileSync(file);
    else bytes = Buffer.alloc(0);
  } catch (cause) {
    throw new LinesideError('MODEL_UNREADABLE', 'config', `cannot read the model file ${file}`, { cause });
  }
  if (size > limit) {
    throw new LinesideError('MODEL_TOO_LARGE', 'config', `${file} has ${size} bytes, more than the ${limit} allowed`);
  }
  return bytes;
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LinesideError('MODEL_MANIFEST', 'config', `${file} is not whole JSON: ${REMEDY}`, { cause });
  }
}

/**
 * Loads and verifies both files of a model.
 * @param file path of the manifest.
 * @throws LinesideError (config) that names the file, what is wrong, and the remedy.
 */
export function loadModelFiles(file: string): LoadedModel {
  const manifest = parse(file, read(file, MAX_MANIFEST_BYTES).toString('utf8'));
  if (!Value.Check(ModelManifest, manifest)) {
    const [first] = Value.Errors(ModelManifest, manifest);
    const where = first?.instancePath.slice(1).replaceAll('/', '.') || 'the whole';
    throw new LinesideError(
      'MODEL_MANIFEST',
      'config',
      `${file}: ${where} ${first?.message ?? 'is wrong'}: not a model manifest that this gateway reads; ${REMEDY}`,
    );
  }
  const names = manifest.inputs.map((input) => input.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new LinesideError('MODEL_MANIFEST', 'config', `${file}: two inputs are named ${twice}: rename one`);
  }
  const { rows } = manifest.window;
  manifest.golden.vectors.forEach((vector, i) => {
    if (vector.rows.length === rows && vector.rows.every((row) => row.length === names.length)) return;
    throw new LinesideError(
      'MODEL_MANIFEST',
      'config',
      `${file}: golden vector ${i} is not ${rows} rows of ${names.length} input(s): ${REMEDY}`,
    );
  });
  const onnxFile = join(dirname(file), manifest.onnx.file);
  const onnx = read(onnxFile, MAX_ONNX_BYTES);
  const sha256 = createHash('sha256').update(onnx).digest('hex');
  if (sha256 !== manifest.onnx.sha256) {
    throw new LinesideError(
      'MODEL_HASH',
      'config',
      `${onnxFile} (${onnx.length} bytes) is not the file that ${file} describes: its SHA-256 begins ` +
        `${sha256.slice(0, 12)}, expected ${manifest.onnx.sha256.slice(0, 12)}; ${REMEDY}`,
    );
  }
  return { manifest, onnxFile, onnx };
}

/**
 * Checks that a configuration feeds exactly the inputs that the model has.
 * @throws LinesideError (config)
 */
export function checkInputs(id: string, file: string, manifest: ModelManifest, configured: string[]): void {
  const names = manifest.inputs.map((input) => input.name);
  const missing = names.filter((name) => !configured.includes(name));
  const unknown = configured.filter((name) => !names.includes(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const wrong = [
    ...(missing.length > 0 ? [`no tag for ${missing.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`${unknown.join(', ')} unknown to the model`] : []),
  ].join('; ');
  throw new LinesideError(
    'MODEL_INPUTS',
    'config',
    `model ${id}, inputs: ${wrong}. ${file} has the input(s) ${names.join(', ')}: give each one a tag`,
  );
}
