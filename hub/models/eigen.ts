/** Eigenvalues, largest first, and the unit eigenvector of each. */
export interface Eigen {
  values: number[];
  vectors: number[][];
}

const MAX_SWEEPS = 100;

/**
 * Decomposes a symmetric matrix by cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations, 8.5). Slow
 * beyond a few hundred rows, but exact to rounding, free of libraries, and the same on every machine. The sign
 * of a vector is fixed: its entry of greatest magnitude is positive.
 */
export function eigenSymmetric(matrix: number[][]): Eigen {
  const n = matrix.length;
  const a = matrix.map((row) => row.slice());
  const v = matrix.map((_, i) => matrix.map((__, j) => (i === j ? 1 : 0)));
  const scale = Math.sqrt(a.flat().reduce((sum, x) => sum + x * x, 0));
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p]![q]! ** 2;
    if (Math.sqrt(off) <= 1e-15 * scale) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, p, q);
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]! || i - j);
  return {
    values: order.map((i) => a[i]![i]!),
    vectors: order.map((i) => withFixedSign(v.map((row) => row[i]!))),
  };
}

function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const apq = a[p]![q]!;
  if (apq === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (const row of a) turn(row, p, q, c, s);
  const rowP = a[p]!;
  const rowQ = a[q]!;
  for (let k = 0; k < a.length; k++) {
    const x = rowP[k]!;
    const y = rowQ[k]!;
    rowP[k] = c * x - s * y;
    rowQ[k] = s * x + c * y;
  }
  for (const row of v) turn(row, p, q, c, s);
}

function turn(row: number[], p: number, q: number, c: number, s: number): void {
  const x = row[p]!;
  const y = row[q]!;
  row[p] = c * x - s * y;
  row[q] = s * x + c * y;
}

function withFixedSign(vector: number[]): number[] {
  let greatest = 0;
  for (const x of vector) if (Math.abs(x) > Math.abs(greatest)) greatest = x;
  return greatest < 0 ? vector.map((x) => -x) : vector;
}
