import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ModelManifest } from '@lineside/shared/contracts/model-manifest.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelRunner } from '../../../gateway/models/model-runner.ts';
import { MODEL_DIR, ROOT, tempDir } from './playback.ts';

const run = promisify(execFile);
let dir: string;
let manifestFile: string;
let onnxFile: string;

beforeEach(async () => {
  dir = await tempDir();
  manifestFile = join(dir, 'pump-anomaly.json');
  onnxFile = join(dir, 'pump-anomaly.onnx');
  await copyFile(join(MODEL_DIR, 'pump-anomaly.json'), manifestFile);
  await copyFile(join(MODEL_DIR, 'pump-anomaly.onnx'), onnxFile);
});
afterEach(() => rm(dir, { recursive: true }));

async function change(edit: (manifest: ModelManifest) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8'));
  edit(manifest);
  await writeFile(manifestFile, JSON.stringify(manifest));
}

/** Changes the ONNX file and lets the manifest agree with it. */
async function replaceOnnx(bytes: Uint8Array): Promise<void> {
  await writeFile(onnxFile, bytes);
  await change((manifest) => {
    manifest.onnx.sha256 = createHash('sha256').update(bytes).digest('hex');
  });
}

describe('a model', () => {
  it('scores its golden windows as it was trained to', async () => {
    const runner = await ModelRunner.load(manifestFile);
    const { vectors } = runner.manifest.golden;
    expect(vectors.length).toBeGreaterThanOrEqual(4);
    for (const vector of vectors) expect(await runner.score(vector.rows.flat())).toBeCloseTo(vector.score, 4);
    await runner.release();
  });

  it('throws on a wrong width and on what is not a number, instead of scoring it', async () => {
    const runner = await ModelRunner.load(manifestFile);
    const window = runner.manifest.golden.vectors[0]!.rows.flat();
    await expect(runner.score(window.slice(1))).rejects.toThrow('a window has 36 values, not 35');
    await expect(runner.score(window.with(4, Number.NaN))).rejects.toThrow('value 4 of the window is NaN');
    await runner.release();
  });
});

describe('a model that is not what it says is refused, by name and with a remedy', () => {
  const refused = async (code: string, text: RegExp) => {
    await expect(ModelRunner.load(manifestFile)).rejects.toMatchObject({
      code,
      blame: 'config',
      message: expect.stringMatching(text),
    });
  };

  it('an ONNX file cut short', async () => {
    const bytes = await readFile(onnxFile);
    await writeFile(onnxFile, bytes.subarray(0, 900));
    await refused('MODEL_HASH', /pump-anomaly\.onnx \(900 bytes\) is not the file .*copy the model/);
  });

  it('an ONNX file cut short whose hash was made to fit', async () => {
    await replaceOnnx((await readFile(onnxFile)).subarray(0, 900));
    await refused('model.onnx', /pump-anomaly\.onnx cannot be loaded as an ONNX model .*train or export it again/);
  });

  it('an ONNX file that is missing', async () => {
    await rm(onnxFile);
    await refused('MODEL_UNREADABLE', /cannot read the model file .*pump-anomaly\.onnx/);
  });

  it('weights that were changed', async () => {
    const bytes = await readFile(onnxFile);
    const middle = bytes.indexOf('weights') + 600;
    bytes.writeFloatLE(3, middle - (middle % 4));
    await replaceOnnx(bytes);
    await refused('MODEL_GOLDEN', /golden vector \d .* on this machine, expected .*train it again/);
  });

  it('a window of another width', async () => {
    await change((manifest) => {
      manifest.window.rows = 35;
      for (const vector of manifest.golden.vectors) vector.rows.pop();
    });
    await refused('MODEL_WIDTH', /golden vector 0 cannot be run .*window\.rows or inputs do not fit/);
  });

  it('golden windows of another shape', async () => {
    await change((manifest) => {
      manifest.golden.vectors[2]!.rows.pop();
    });
    await refused('MODEL_MANIFEST', /golden vector 2 is not 36 rows of 1 input/);
  });

  it('other names of input and output', async () => {
    await change((manifest) => {
      manifest.onnx.output = 'probability';
    });
    await refused('model.onnx', /takes x and gives score; its manifest says x and probability/);
  });

  it('a manifest cut short', async () => {
    await writeFile(manifestFile, (await readFile(manifestFile)).subarray(0, 500));
    await refused('MODEL_MANIFEST', /pump-anomaly\.json is not whole JSON: copy the model/);
  });

  it('a golden score that is not a number', async () => {
    const text = await readFile(manifestFile, 'utf8');
    await writeFile(manifestFile, text.replace(/"score": [\d.e-]+/, '"score": null'));
    await refused('MODEL_MANIFEST', /golden\.vectors\.0\.score/);
  });

  it('a path that leads out of the folder', async () => {
    await change((manifest) => {
      manifest.onnx.file = '../pump-anomaly.onnx';
    });
    await refused('MODEL_MANIFEST', /onnx\.file/);
  });

  it('an input without spread', async () => {
    await change((manifest) => {
      manifest.inputs[0]!.std = 0;
    });
    await refused('MODEL_MANIFEST', /inputs\.0\.std/);
  });
});

it('loads the runtime with the first model, not with the program', async () => {
  const script = `
    const { ModelStage } = await import(${JSON.stringify(join(ROOT, 'gateway/models/model-stage.ts'))});
    const loaded = () => process.report.getReport().sharedObjects.some((f) => f.includes('onnxruntime'));
    const before = loaded();
    const stage = new ModelStage(
      { id: 'm', file: 'pump-anomaly.json', inputs: { temperature: 'pump/t' }, stepMs: 1000 },
      { onFrame() {}, tagId: () => 1, outputTag: 2, configDir: ${JSON.stringify(MODEL_DIR)}, now: Date.now,
        log: { info() {}, warn() {}, error() {} } },
    );
    await stage.start();
    console.log(JSON.stringify([before, loaded(), stage.status().state]));
    await stage.stop();`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  expect(JSON.parse(stdout)).toEqual([false, true, 'waiting']);
});
