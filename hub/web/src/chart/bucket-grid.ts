/** Columns of one series on the grid: a number, null where the line must break, undefined where nothing was due. */
export interface GridColumns {
  mean: (number | null | undefined)[];
  min: (number | null | undefined)[];
  max: (number | null | undefined)[];
}

const EMPTY = 0;
const VALUE = 1;
const GAP = 2;

/**
 * One series of a live chart as a ring of equal buckets of time.
 *
 * All series of a chart share the grid, so they need no join before drawing; memory and the cost of a frame are
 * fixed by the width of the chart and not by the rate of the data; and a peak within a bucket survives as its
 * minimum or maximum. A bucket that is empty is no gap (the tag was just not due); a gap is said by `breakAt`.
 */
export class BucketGrid {
  readonly stepMs: number;
  readonly size: number;
  private readonly sum: Float64Array;
  private readonly count: Uint32Array;
  private readonly low: Float64Array;
  private readonly high: Float64Array;
  private readonly kind: Uint8Array;
  /** Number of the newest bucket that the ring holds, counted from 1970; -1 before the first. */
  private head = -1;

  /** @param stepMs width of a bucket, milliseconds. @param size buckets that are kept. */
  constructor(stepMs: number, size: number) {
    this.stepMs = stepMs;
    this.size = size;
    this.sum = new Float64Array(size);
    this.count = new Uint32Array(size);
    this.low = new Float64Array(size);
    this.high = new Float64Array(size);
    this.kind = new Uint8Array(size);
  }

  /** Adds one good value. What is older than the ring is passed over. @param at milliseconds since 1970 UTC */
  add(at: number, value: number): void {
    this.merge(at, value, value, value, 1);
  }

  /** Adds one bucket of a history, whose extremes stay visible. @param at start of it, milliseconds since 1970 UTC */
  addBucket(at: number, mean: number, min: number, max: number): void {
    this.merge(at, mean, min, max, 1);
  }

  /**
   * Breaks the line: the value was bad at this moment, or nothing could be heard. When good values share the
   * bucket, the break moves to the next one, so that neither hides the other.
   */
  breakAt(at: number): void {
    const number = this.reach(at);
    if (number < 0) return;
    const slot = number % this.size;
    if (this.kind[slot] !== VALUE) {
      this.kind[slot] = GAP;
      return;
    }
    const next = this.reach((number + 1) * this.stepMs);
    if (next >= 0 && this.kind[next % this.size] === EMPTY) this.kind[next % this.size] = GAP;
  }

  /** Time of the newest good value's bucket; null when there is none. */
  newest(): number | null {
    for (let number = this.head; number > this.head - this.size && number >= 0; number--) {
      if (this.kind[number % this.size] === VALUE) return number * this.stepMs;
    }
    return null;
  }

  /** Reads `length` buckets from the one that holds `from` on. */
  read(from: number, length: number): GridColumns {
    const first = Math.floor(from / this.stepMs);
    const columns: GridColumns = { mean: new Array(length), min: new Array(length), max: new Array(length) };
    // From a break on nothing is known until the next value, however many empty buckets lie between.
    let broken = false;
    for (let i = 0; i < length; i++) {
      const number = first + i;
      const held = number <= this.head && number > this.head - this.size && number >= 0;
      const slot = number % this.size;
      const kind = held ? this.kind[slot] : EMPTY;
      if (kind === EMPTY && !broken) continue;
      broken = kind !== VALUE;
      columns.mean[i] = kind === VALUE ? this.sum[slot]! / this.count[slot]! : null;
      columns.min[i] = kind === VALUE ? this.low[slot] : null;
      columns.max[i] = kind === VALUE ? this.high[slot] : null;
    }
    return columns;
  }

  clear(): void {
    this.kind.fill(EMPTY);
    this.head = -1;
  }

  private merge(at: number, mean: number, min: number, max: number, weight: number): void {
    if (!Number.isFinite(mean) || !Number.isFinite(min) || !Number.isFinite(max)) return;
    const number = this.reach(at);
    if (number < 0) return;
    const slot = number % this.size;
    if (this.kind[slot] !== VALUE) {
      this.kind[slot] = VALUE;
      this.sum[slot] = mean * weight;
      this.count[slot] = weight;
      this.low[slot] = min;
      this.high[slot] = max;
      return;
    }
    this.sum[slot]! += mean * weight;
    this.count[slot]! += weight;
    if (min < this.low[slot]!) this.low[slot] = min;
    if (max > this.high[slot]!) this.high[slot] = max;
  }

  /** The bucket's number, after the ring was turned so far that it holds it; -1 when it is too old. */
  private reach(at: number): number {
    const number = Math.floor(at / this.stepMs);
    if (this.head < 0) this.head = number;
    if (number <= this.head - this.size || number < 0) return -1;
    if (number > this.head) {
      const turn = Math.min(number - this.head, this.size);
      for (let i = 0; i < turn; i++) this.kind[(number - i) % this.size] = EMPTY;
      this.head = number;
    }
    return number;
  }
}
