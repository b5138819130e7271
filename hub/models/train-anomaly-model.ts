/** From a recording to a model that a gateway can run: split, fit, judge, write down. */
import { createHash } from 'node:crypto';
import { MODEL_MANIFEST_FORMAT, type ModelManifest } from '@lineside/shared/contracts/model-manifest.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type DetectionFigures, detectionFigures } from './detection-figures.ts';
import { writeOnnx } from './onnx-writer.ts';
import { type FitOptions, fitPcaMonitor, type PcaMonitor, pcaGraph, score } from './pca-monitor.ts';
import type { Recording, TimeRange } from './recording.ts';

export interface TrainOptions extends Omit<FitOptions, 'inputs'> {
  name: string;
  description: string;
  /** Name and unit of each signal, in the recording's order. */
  inputs: { name: string; unit: string }[];
  /** How much of the beginning is used, labelled stretches left out. */
  trainingDays: number;
  /** Rows in a row above the limit that raise the alarm in the figures. */
  alarmRows: number;
}

export interface TrainedModel {
  onnx: Uint8Array;
  manifest: ModelManifest;
  monitor: PcaMonitor;
  figures: DetectionFigures;
}

interface Window {
  at: number;
  values: number[];
}

const DAY = 86_400_000;
/** Every third day calibrates: near enough to the other two to be the same machine, and not seen by the fit. */
const CALIBRATION_EVERY = 3;

/** Every whole window of the recording: rows at the step's distance, without empty fields. */
export function windowsOf(recording: Recording, rows: number): Window[] {
  const windows: Window[] = [];
  let whole = 0;
  recording.rows.forEach((row, i) => {
    const follows = i > 0 && recording.at[i]! - recording.at[i - 1]! === recording.stepMs;
    if (row.some((x) => !Number.isFinite(x))) whole = 0;
    else whole = follows ? whole + 1 : 1;
    if (whole >= rows)
      windows.push({ at: recording.at[i]!, values: recording.rows.slice(i - rows + 1, i + 1).flat() });
  });
  return windows;
}

const iso = (at: number): string => new Date(at).toISOString();
const purposeOfDay = (day: number): 'training' | 'calibration' =>
  day % CALIBRATION_EVERY === CALIBRATION_EVERY - 1 ? 'calibration' : 'training';

/** The manifest as it is written: indented, with each row of numbers on one line. */
export function manifestText(manifest: ModelManifest): string {
  const indented = JSON.stringify(manifest, null, 2);
  const numbers = /\[\s+([-+.\de]+(?:,\s+[-+.\de]+)*)\s+\]/g;
  return `${indented.replace(numbers, (_, list: string) => `[${list.replaceAll(/\s+/g, ' ')}]`)}\n`;
}

/** Healthy windows of the training days; a window that touches two purposes or a label belongs to neither. */
function split(windows: Window[], anomalies: TimeRange[], begin: number, end: number, spanMs: number) {
  const parts = { training: [] as Window[], calibration: [] as Window[] };
  const ranges: ModelManifest['trainedOn']['ranges'] = [];
  let last: Window | undefined;
  for (const window of windows) {
    if (window.at >= end) break;
    const first = window.at - spanMs;
    const purpose = purposeOfDay(Math.floor((window.at - begin) / DAY));
    if (purposeOfDay(Math.floor((first - begin) / DAY)) !== purpose) continue;
    if (anomalies.some((a) => first <= a.to && window.at >= a.from)) continue;
    parts[purpose].push(window);
    if (ranges.at(-1)?.purpose !== purpose || window.at - last!.at > DAY) {
      ranges.push({ purpose, from: iso(first), to: iso(window.at), windows: 0 });
    }
    last = window;
    const range = ranges.at(-1)!;
    range.to = iso(window.at);
    range.windows += 1;
  }
  return { ...parts, ranges };
}

function fit(training: Window[], calibration: Window[], options: FitOptions, file: string): PcaMonitor {
  const values = (windows: Window[]) => windows.map((w) => w.values);
  try {
    return fitPcaMonitor(values(training), values(calibration), options);
  } catch (cause) {
    throw new LinesideError('TRAIN_DATA', 'config', `cannot train on ${file}: ${messageOf(cause)}`, { cause });
  }
}

/** Known windows for the gateway's check: quiet, at the limit, and far beyond it. */
function goldenVectors(scored: (Window & { score: number })[], inputs: number): ModelManifest['golden']['vectors'] {
  const by = scored.slice().sort((a, b) => a.score - b.score || a.at - b.at);
  const nearest = (target: number) =>
    by.reduce((best, s) => (Math.abs(s.score - target) < Math.abs(best.score - target) ? s : best));
  const picks: [string, Window & { score: number }][] = [
    ['quietest', by[0]!],
    ['ordinary', by[Math.floor(by.length / 2)]!],
    ['at the limit', nearest(1)],
    ['least ordinary', by.at(-1)!],
  ];
  return picks.map(([note, { at, values, score: expected }]) => ({
    note: `${note}, window that ends ${iso(at)}`,
    rows: Array.from({ length: values.length / inputs }, (_, i) => values.slice(i * inputs, (i + 1) * inputs)),
    score: expected,
  }));
}

/**
 * Trains on the healthy part of the recording's first days and judges on the whole. Deterministic: equal input
 * gives equal bytes.
 * @param onnxFile name that the ONNX file will have beside its manifest.
 * @throws LinesideError (config) when the recording is too short or a signal never changes.
 */
export function trainAnomalyModel(
  recording: Recording,
  anomalies: TimeRange[],
  options: TrainOptions,
  onnxFile: string,
): TrainedModel {
  const { rows } = options;
  const inputs = options.inputs.length;
  const begin = recording.at[0]!;
  const end = begin + options.trainingDays * DAY;
  const windows = windowsOf(recording, rows);
  const { training, calibration, ranges } = split(windows, anomalies, begin, end, (rows - 1) * recording.stepMs);
  const monitor = fit(training, calibration, { ...options, inputs }, recording.file);
  const scored = windows.map((w) => ({ ...w, score: score(monitor, w.values) }));
  const figures = detectionFigures(scored, anomalies, recording.stepMs, end, options.alarmRows);
  const onnx = writeOnnx(pcaGraph(monitor, options.name));
  const manifest: ModelManifest = {
    format: MODEL_MANIFEST_FORMAT,
    name: options.name,
    description: options.description,
    onnx: { file: onnxFile, sha256: createHash('sha256').update(onnx).digest('hex'), input: 'x', output: 'score' },
    window: { rows, recordingStepMs: recording.stepMs },
    inputs: options.inputs.map((input, i) => ({ ...input, mean: monitor.mean[i]!, std: monitor.std[i]! })),
    limit: {
      value: 1,
      meaning:
        `The greater of two statistics, each divided by its limit: Hotelling's T2 (limit: quantile ${options.t2Quantile} ` +
        `of healthy windows not used for the fit) and the residual Q (${options.qMargin} × quantile ${options.qQuantile}).`,
    },
    trainedOn: { file: recording.file, sha256: recording.sha256, rows: recording.rows.length, ranges },
    method: {
      name: 'dynamic PCA, T2 and Q',
      sources: [
        'Jackson & Mudholkar, Control procedures for residuals associated with principal component analysis, 1979',
        'Ku, Storer & Georgakis, Disturbance detection and isolation by dynamic principal component analysis, 1995',
      ],
      blockRows: options.blockRows,
      differences: options.differences,
      features: monitor.weights.length,
      components: monitor.components,
      explainedVariance: monitor.explained,
    },
    quality: {
      note: 'window length, quantiles and margin were chosen with this recording in view; limits and fit were not',
      ...figures,
    },
    golden: { tolerance: 1e-4, vectors: goldenVectors(scored, inputs) },
  };
  return { onnx, manifest, monitor, figures };
}
