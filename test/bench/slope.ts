/** A line through points by least squares. */

export interface Slope {
  /** Units of y for one unit of x. */
  slope: number;
  /** Its standard error: how much of it may be chance. */
  error: number;
}

/** @param points at least three, not all at one x */
export function slopeOf(points: readonly { x: number; y: number }[]): Slope {
  const n = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n;
  let xx = 0;
  let xy = 0;
  for (const { x, y } of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  const slope = xy / xx;
  const rest = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (n - 2) / xx) };
}
