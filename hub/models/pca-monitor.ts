/**
 * Multivariate statistical process monitoring by principal components, over a window of each signal's recent
 * past (dynamic PCA: Ku, Storer & Georgakis, Chemometrics and Intelligent Laboratory Systems 30, 1995).
 *
 * Two statistics, each with a limit from healthy windows that the fit has not seen:
 * - Q, the squared prediction error of what the components leave over (Jackson & Mudholkar, Technometrics 21,
 *   1979): the window does not look like anything in the training data;
 * - T², Hotelling's, of the components: it looks alike, but farther from the middle than the machine ever was.
 * Q alone is blind to a slow loss of level, which is what this kind of failure is.
 *
 * score = max(T² / T² limit, Q / Q limit), so above 1 at least one of them is beyond its limit.
 */
import { eigenSymmetric } from './eigen.ts';
import type { OnnxGraph } from './onnx-writer.ts';
import { type FeatureOptions, featureMatrix } from './window-features.ts';

export interface FitOptions extends FeatureOptions {
  /** Share of the variance that the components kept must explain together, 0 to 1. */
  explainedVariance: number;
  /** Which quantile of unseen healthy T² is its limit, 0 to 1. */
  t2Quantile: number;
  qQuantile: number;
  /**
   * Factor on the limit of Q. A week of calibration knows too little of Q's far tail, and Q reacts to single
   * rows; with a margin it speaks for jumps and breaks in the course, and T² for the level.
   */
  qMargin: number;
}

export interface PcaMonitor {
  rows: number;
  inputs: number;
  /** Of each input over the training rows, raw units. */
  mean: number[];
  std: number[];
  components: number;
  /** Share of the variance that they explain. */
  explained: number;
  /** Variance of each feature's principal direction, largest first. */
  variances: number[];
  /** Directions × (rows × inputs): applied to a standardised window and squared, each gives its share of the score. */
  weights: number[][];
  bias: number[];
}

/** Share of a direction that counts as rounding: its Q would be noise divided by noise. */
const NEGLIGIBLE = 1e-9;

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

function meanAndStd(columns: number, rows: ArrayLike<number>[]): { mean: number[]; std: number[] } {
  const mean = new Array<number>(columns).fill(0);
  for (const row of rows) for (let j = 0; j < columns; j++) mean[j]! += row[j]! / rows.length;
  const variance = new Array<number>(columns).fill(0);
  for (const row of rows) for (let j = 0; j < columns; j++) variance[j]! += (row[j]! - mean[j]!) ** 2 / rows.length;
  return { mean, std: variance.map(Math.sqrt) };
}

/** The smallest value that at least this share of the values does not exceed. */
function quantile(values: number[], share: number): number {
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}

/**
 * Fits a monitor in float64.
 * @param training healthy windows: rows × inputs raw values, the oldest row first.
 * @param calibration healthy windows that are not in `training`; the limits come from them.
 * @throws RangeError when there are too few windows, or an input or a feature never changes.
 */
export function fitPcaMonitor(training: number[][], calibration: number[][], options: FitOptions): PcaMonitor {
  const { rows, inputs } = options;
  const features = featureMatrix(options);
  const least = 10 * features.length;
  if (training.length < least || calibration.length < least) {
    throw new RangeError(
      `${training.length} training and ${calibration.length} calibration windows are too few: at least ${least} each`,
    );
  }
  const newestRows = training.map((window) => window.slice(-inputs));
  const { mean, std } = meanAndStd(inputs, newestRows);
  const flat = std.findIndex((s, i) => s <= NEGLIGIBLE * Math.abs(mean[i]!));
  if (flat >= 0) throw new RangeError(`input ${flat} never changes in the training windows: leave it out`);

  const raw = training.map((window) => features.map((weights) => dot(weights, window)));
  const feature = meanAndStd(features.length, raw);
  const z = raw.map((row) => row.map((x, j) => (x - feature.mean[j]!) / feature.std[j]!));
  const covariance = features.map((_, a) =>
    features.map((__, b) => z.reduce((sum, row) => sum + row[a]! * row[b]!, 0) / z.length),
  );
  const eigen = eigenSymmetric(covariance);
  const total = eigen.values.reduce((sum, x) => sum + x, 0);
  if (eigen.values.at(-1)! < NEGLIGIBLE * total) {
    throw new RangeError('a feature is a sum of others: leave out inputs that are copies of each other');
  }
  let components = 0;
  let explained = 0;
  while (explained < options.explainedVariance && components < features.length - 1) {
    explained += eigen.values[components]! / total;
    components += 1;
  }

  // score directions on a standardised window: vector · ((F x − feature mean) / feature std), x = s·std + mean
  const standardMean = features.map((weights, j) => {
    const at = weights.reduce((sum, w, i) => sum + w * mean[i % inputs]!, 0);
    return (at - feature.mean[j]!) / feature.std[j]!;
  });
  const unit: PcaMonitor = {
    rows,
    inputs,
    mean,
    std,
    components,
    explained,
    variances: eigen.values,
    weights: eigen.vectors.map((vector, d) =>
      Array.from({ length: rows * inputs }, (_, i) => {
        const weight = vector.reduce((sum, v, j) => sum + (v * features[j]![i]!) / feature.std[j]!, 0);
        return (weight * std[i % inputs]!) / (d < components ? Math.sqrt(eigen.values[d]!) : 1);
      }),
    ),
    bias: eigen.vectors.map(
      (vector, d) => dot(vector, standardMean) / (d < components ? Math.sqrt(eigen.values[d]!) : 1),
    ),
  };
  const unseen = calibration.map((window) => statistics(unit, window));
  const t2Limit = quantile(
    unseen.map((s) => s.t2),
    options.t2Quantile,
  );
  const qLimit =
    options.qMargin *
    quantile(
      unseen.map((s) => s.q),
      options.qQuantile,
    );
  const scale = (d: number): number => 1 / Math.sqrt(d < components ? t2Limit : qLimit);
  return {
    ...unit,
    weights: unit.weights.map((row, d) => row.map((w) => w * scale(d))),
    bias: unit.bias.map((b, d) => b * scale(d)),
  };
}

/** Both statistics of one raw window, as shares of their limits. Float64: what the ONNX file is checked against. */
export function statistics(monitor: PcaMonitor, window: ArrayLike<number>): { t2: number; q: number } {
  const { mean, std, inputs } = monitor;
  const standard = Array.from(window, (x, i) => (x - mean[i % inputs]!) / std[i % inputs]!);
  let t2 = 0;
  let q = 0;
  monitor.weights.forEach((weights, d) => {
    const share = (dot(weights, standard) + monitor.bias[d]!) ** 2;
    if (d < monitor.components) t2 += share;
    else q += share;
  });
  return { t2, q };
}

export function score(monitor: PcaMonitor, window: ArrayLike<number>): number {
  const { t2, q } = statistics(monitor, window);
  return Math.max(t2, q);
}

/** The monitor as a graph: x [N, rows × inputs] already standardised → score [N]. */
export function pcaGraph(monitor: PcaMonitor, name: string): OnnxGraph {
  const width = monitor.rows * monitor.inputs;
  const directions = monitor.weights.length;
  return {
    name,
    doc: 'score = max(T2 / limit, Q / limit); above 1 the window is unlike the training data',
    nodes: [
      { op: 'Gemm', inputs: ['x', 'weights', 'bias'], output: 'y', attributes: { transB: 1 } },
      { op: 'Mul', inputs: ['y', 'y'], output: 'squared' },
      { op: 'MatMul', inputs: ['squared', 'groups'], output: 'statistics' },
      { op: 'ReduceMax', inputs: ['statistics'], output: 'score', attributes: { axes: [1], keepdims: 0 } },
    ],
    constants: [
      { name: 'weights', dims: [directions, width], data: monitor.weights.flat() },
      { name: 'bias', dims: [directions], data: monitor.bias },
      {
        name: 'groups',
        dims: [directions, 2],
        data: monitor.weights.flatMap((_, d) => (d < monitor.components ? [1, 0] : [0, 1])),
      },
    ],
    inputs: [{ name: 'x', dims: ['N', width] }],
    outputs: [{ name: 'score', dims: ['N'] }],
  };
}
