/**
 * The recent past of a model's inputs, row by row. Pure: its only clock is what it is told.
 *
 * Every `stepMs` (at multiples of it since 1970, so that rows of all gateways fall together) the last value of
 * each input becomes a row. A row is missing when an input has no value yet, is Bad, is not a finite number, or
 * was received too long ago; a window with a missing row in it has no score, because the runtime would answer
 * one made up from NaN.
 */
import type { Frame, Value } from '@lineside/shared/contracts/frame.ts';
import { isBad, isGood, qualityName } from '@lineside/shared/contracts/quality.ts';

interface WindowInput {
  /** Its tag as people know it, for reasons. */
  path: string;
  device: string;
  tag: number;
}

export interface WindowOptions {
  rows: number;
  stepMs: number;
  maxAgeMs: number;
  inputs: WindowInput[];
}

interface Last {
  /** NaN when it is not usable. */
  value: number;
  sourceAt: number;
  receivedAt: number;
  uncertain: boolean;
  /** Why the value is not usable. */
  reason: string;
}

/** What the newest row says of the window that ends with it. */
export interface RowState {
  /** Time of the row, milliseconds since 1970 UTC. */
  at: number;
  /** Rows without a gap, counted up to the window's length; 0 when this row is missing. */
  whole: number;
  /** Whether any input of the window is of Uncertain quality. */
  uncertain: boolean;
  /** Why the newest missing row is missing; empty when none was. */
  reason: string;
}

function toNumber(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return Number.NaN;
}

export class ScoringWindow {
  readonly #options: WindowOptions;
  /** Device → tag → positions in a row: a frame of another device costs one look-up. */
  readonly #places = new Map<string, Map<number, number[]>>();
  readonly #last: Last[];
  /** Ring of rows × inputs. */
  readonly #values: Float64Array;
  readonly #uncertain: Uint8Array;
  #next = 0;
  #whole = 0;
  /** Time of the newest row. */
  #boundary = Number.NaN;
  /** How often rows were closed. */
  #closings = 0;
  #reason = '';

  constructor(options: WindowOptions) {
    this.#options = options;
    const { rows, inputs } = options;
    this.#values = new Float64Array(rows * inputs.length);
    this.#uncertain = new Uint8Array(rows);
    this.#last = inputs.map(({ path }) => ({
      value: Number.NaN,
      sourceAt: Number.NEGATIVE_INFINITY,
      receivedAt: Number.NEGATIVE_INFINITY,
      uncertain: false,
      reason: `${path} has sent no value yet`,
    }));
    inputs.forEach(({ device, tag }, place) => {
      const tags = this.#places.get(device) ?? new Map<number, number[]>();
      this.#places.set(device, tags);
      tags.set(tag, [...(tags.get(tag) ?? []), place]);
    });
  }

  /** Takes what concerns the inputs. Rows that were due before the frame came are closed without it. */
  observe(frame: Frame): void {
    const tags = this.#places.get(frame.device);
    if (tags === undefined) return;
    let closed = false;
    for (let i = 0; i < frame.tags.length; i++) {
      const places = tags.get(frame.tags[i]!);
      if (places === undefined) continue;
      if (!closed) this.#close(this.#due(frame.receivedAt - 1));
      closed = true;
      for (const place of places) this.#take(place, frame, i);
    }
  }

  #take(place: number, frame: Frame, i: number): void {
    const last = this.#last[place]!;
    const sourceAt = frame.sourceAt[i]!;
    // history that arrives late is not the present; but a clock that was set back is
    if (sourceAt < last.sourceAt && frame.receivedAt - last.receivedAt < this.#options.maxAgeMs) return;
    const quality = frame.quality[i]!;
    const { path } = this.#options.inputs[place]!;
    const number = toNumber(frame.values[i]!);
    last.sourceAt = sourceAt;
    last.receivedAt = frame.receivedAt;
    last.uncertain = !isGood(quality);
    last.value = isBad(quality) || !Number.isFinite(number) ? Number.NaN : number;
    if (isBad(quality)) last.reason = `${path} is of Bad quality (${qualityName(quality)})`;
    else if (Number.isNaN(last.value)) last.reason = `${path} is not a finite number (${frame.values[i]})`;
    else last.reason = '';
  }

  /**
   * Closes every row that is due at `now`, milliseconds since 1970 UTC. When the wall clock was set back by more
   * than two steps, the window begins anew: its rows would not be in order.
   * @returns state of the newest row, which may be the same as before; null before the first.
   */
  advance(now: number): RowState | null {
    const due = this.#due(now);
    if (due < this.#boundary - 2 * this.#options.stepMs) {
      this.#whole = 0;
      this.#boundary = due;
    }
    this.#close(due);
    return this.#closings === 0 ? null : this.newest();
  }

  #due(now: number): number {
    return Math.floor(now / this.#options.stepMs) * this.#options.stepMs;
  }

  #close(due: number): void {
    const { stepMs, rows } = this.#options;
    if (Number.isNaN(this.#boundary)) this.#boundary = due;
    if (due <= this.#boundary) return;
    // after a sleep longer than the window, what was before it is not needed
    const first = Math.max(this.#boundary + stepMs, due - rows * stepMs);
    if (first > this.#boundary + stepMs) this.#whole = 0;
    for (let at = first; at <= due; at += stepMs) this.#addRow(at);
    this.#boundary = due;
    this.#closings += 1;
  }

  #addRow(at: number): void {
    const { rows, inputs, maxAgeMs } = this.#options;
    let uncertain = false;
    for (let place = 0; place < inputs.length; place++) {
      const last = this.#last[place]!;
      const tooOld = at - last.receivedAt > maxAgeMs;
      if (Number.isNaN(last.value) || tooOld) {
        this.#whole = 0;
        this.#reason =
          last.reason ||
          `${inputs[place]!.path} has sent nothing for ${Math.round((at - last.receivedAt) / 100) / 10} s`;
        return;
      }
      uncertain ||= last.uncertain;
      this.#values[this.#next * inputs.length + place] = last.value;
    }
    this.#uncertain[this.#next] = uncertain ? 1 : 0;
    this.#next = (this.#next + 1) % rows;
    this.#whole = Math.min(rows, this.#whole + 1);
  }

  /** State of the window that ends with the newest row. */
  newest(): RowState {
    const { rows } = this.#options;
    let uncertain = false;
    for (let back = 1; back <= this.#whole; back++) {
      if (this.#uncertain[(this.#next - back + rows) % rows] === 1) uncertain = true;
    }
    return { at: this.#boundary, whole: this.#whole, uncertain, reason: this.#reason };
  }

  /**
   * The window as rows × inputs raw values, the oldest row first; a copy.
   * @throws RangeError when the window is not whole.
   */
  copy(): Float64Array {
    const { rows, inputs } = this.#options;
    if (this.#whole < rows) throw new RangeError(`only ${this.#whole} of ${rows} rows are there`);
    const window = new Float64Array(this.#values.length);
    const split = this.#next * inputs.length;
    window.set(this.#values.subarray(split));
    window.set(this.#values.subarray(0, split), this.#values.length - split);
    return window;
  }
}
