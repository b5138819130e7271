import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelRunner } from '../../../gateway/models/model-runner.ts';
import { score, statistics } from '../../../hub/models/pca-monitor.ts';
import { readAnomalies, readRecording } from '../../../hub/models/recording.ts';
import {
  manifestText,
  type TrainedModel,
  type TrainOptions,
  trainAnomalyModel,
  windowsOf,
} from '../../../hub/models/train-anomaly-model.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const recording = readRecording(join(ROOT, 'demo/data/nab/machine_temperature_system_failure.csv.gz'));
const anomalies = readAnomalies(join(ROOT, 'demo/data/nab/anomalies.json'));
const run = promisify(execFile);

const OPTIONS: TrainOptions = {
  name: 'test',
  description: '',
  inputs: [{ name: 'temperature', unit: '' }],
  rows: 36,
  trainingDays: 7,
  blockRows: 6,
  differences: 3,
  explainedVariance: 0.9,
  t2Quantile: 0.995,
  qQuantile: 1,
  qMargin: 2,
  alarmRows: 3,
};

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lineside-train-'));
});
afterAll(() => rm(dir, { recursive: true }));

/** Scores raw windows the way that a gateway does: from the files. */
async function gatewayScores({ onnx, manifest }: TrainedModel, windows: number[][]): Promise<number[]> {
  await writeFile(join(dir, manifest.onnx.file), onnx);
  const file = join(dir, manifest.onnx.file.replace('.onnx', '.json'));
  await writeFile(file, manifestText(manifest));
  const runner = await ModelRunner.load(file);
  const scores: number[] = [];
  for (const window of windows) scores.push(await runner.score(window));
  await runner.release();
  return scores;
}

describe('the trained model', () => {
  const trained = trainAnomalyModel(recording, anomalies, OPTIONS, 'test.onnx');

  it('scores every window of the recording in the runtime as in float64', async () => {
    const windows = windowsOf(recording, OPTIONS.rows);
    const raw = windows.map((w) => w.values);
    const actual = await gatewayScores(trained, raw);
    let worst = 0;
    windows.forEach((w, i) => {
      const expected = score(trained.monitor, w.values);
      worst = Math.max(worst, Math.abs(actual[i]! - expected) / Math.max(1, expected));
    });
    expect(windows.length).toBeGreaterThan(22_000);
    expect(worst).toBeLessThan(1e-5);
  });

  it('finds all four labelled failures before their middle, with less than 1.5 false-alarm hours a week', () => {
    const { figures } = trained;
    expect(figures.detected).toBe(4);
    for (const anomaly of figures.anomalies) expect(anomaly.beforeMiddleHours).toBeGreaterThan(6);
    expect(figures.falseAlarmHoursPerWeek).toBeLessThan(1.5);
    expect(figures.healthyHours).toBeGreaterThan(1_400);
  });

  it('learns from unlabelled time only, and calibrates on days that it did not fit', () => {
    const ranges = trained.manifest.trainedOn.ranges.map((r) => ({
      ...r,
      a: Date.parse(r.from),
      b: Date.parse(r.to),
    }));
    for (const range of ranges) {
      expect(anomalies.some((a) => range.a <= a.to && range.b >= a.from)).toBe(false);
      const others = ranges.filter((other) => other.purpose !== range.purpose);
      expect(others.some((other) => range.a <= other.b && range.b >= other.a)).toBe(false);
    }
    expect(new Set(ranges.map((r) => r.purpose))).toEqual(new Set(['training', 'calibration']));
  });

  it('leaves labelled stretches out when they lie in the training days', () => {
    const longer = trainAnomalyModel(recording, anomalies, { ...OPTIONS, trainingDays: 14 }, 'test.onnx');
    for (const range of longer.manifest.trainedOn.ranges) {
      const inside = anomalies.some((a) => Date.parse(range.to) > a.from && Date.parse(range.to) <= a.to);
      expect(inside).toBe(false);
    }
  });

  it('sees a break in the course by Q, a loss of level by T², and a broken sensor by both', () => {
    const calm = windowsOf(recording, OPTIONS.rows)[100]!.values;
    const of = (change: (v: number, row: number) => number) => statistics(trained.monitor, calm.map(change));
    expect(of((v) => v)).toEqual({ t2: expect.closeTo(0.085, 2), q: expect.closeTo(0.033, 2) });
    expect(of((v, row) => (row < 18 ? v : v - 30)).q).toBeGreaterThan(1);
    const low = of((v) => v - 40);
    expect(low.t2).toBeGreaterThan(1);
    expect(low.q).toBeLessThan(0.2);
    const broken = of((v, row) => (row === 35 ? 0 : v));
    expect(Math.min(broken.t2, broken.q)).toBeGreaterThan(10);
  });

  it('does not lay a window over the place where the clock was set back', () => {
    const back = recording.at.findIndex((at, i) => i > 0 && at < recording.at[i - 1]!);
    expect(back).toBeGreaterThan(0);
    const ends = new Set(windowsOf(recording, 3).map((w) => w.values));
    expect(ends.size).toBe(recording.rows.length - 2 - 2);
  });

  it('trains on several signals', async () => {
    let seed = 1;
    const noise = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    const two = {
      ...recording,
      rows: recording.rows.map(([v], i) => [v!, 20 + 3 * Math.sin(i / 40) + noise()]),
    };
    const inputs = [
      { name: 'temperature', unit: '' },
      { name: 'pressure', unit: 'bar' },
    ];
    const model = trainAnomalyModel(two, anomalies, { ...OPTIONS, inputs }, 'two.onnx');
    const [golden] = model.manifest.golden.vectors;
    const [actual] = await gatewayScores(model, [golden!.rows.flat()]);
    expect(golden!.rows[0]).toHaveLength(2);
    expect(actual).toBeCloseTo(golden!.score, 4);
  });

  it('refuses a recording that is too short or never changes', () => {
    const short = { ...recording, at: recording.at.slice(0, 100), rows: recording.rows.slice(0, 100) };
    expect(() => trainAnomalyModel(short, [], OPTIONS, 'x.onnx')).toThrow(/cannot train on .*too few/);
    const flat = { ...recording, rows: recording.rows.map(() => [5]) };
    expect(() => trainAnomalyModel(flat, [], OPTIONS, 'x.onnx')).toThrow(/input 0 never changes/);
  });
});

describe('npm run train', () => {
  it('writes the committed model again, byte by byte, and ends with a line of figures', async () => {
    const out = join(dir, 'pump-anomaly');
    const { stdout } = await run(process.execPath, [join(ROOT, 'hub/models/train-pca.ts'), '--out', out]);
    const figures = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(figures.detected).toBe(4);
    for (const end of ['.onnx', '.json']) {
      const committed = await readFile(join(ROOT, `config/models/pump-anomaly${end}`));
      expect((await readFile(out + end)).equals(committed), end).toBe(true);
    }
    const manifest = JSON.parse(await readFile(`${out}.json`, 'utf8'));
    expect(manifestText(manifest)).toBe(await readFile(`${out}.json`, 'utf8'));
  });

  it.each([
    [
      'timestamp,value\n2024-01-01 00:00:00,1\n2024-01-01 00:05:00,abc\n',
      /bad\.csv line 3: expected a time and 1 number/,
    ],
    ['time,value\n', /bad\.csv line 1: expected "timestamp,<signal>,…"/],
    ['timestamp,value\n', /bad\.csv has fewer than two rows/],
  ])('names the file and the line of a wrong recording', async (text, expected) => {
    const file = join(dir, 'bad.csv');
    await writeFile(file, text);
    expect(() => readRecording(file)).toThrow(expected);
  });

  it('names a damaged archive and exits with 1', async () => {
    const file = join(dir, 'torn.csv.gz');
    const whole = await readFile(join(ROOT, 'demo/data/nab/machine_temperature_system_failure.csv.gz'));
    await writeFile(file, whole.subarray(0, 1_000));
    const script = join(ROOT, 'hub/models/train-pca.ts');
    await expect(run(process.execPath, [script, '--recording', file])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/torn\.csv\.gz is not a whole gzip file .*copy it again/),
    });
  });
});
