/**
 * Raw values become engineering values (scale and offset, a straight line by two points, names for numbers); then only
 * what changed enough goes on (deadband).
 */
import { emptyFrame, type Frame, pushSample, type Value } from '@lineside/shared/contracts/frame.ts';
import { isGood, Quality } from '@lineside/shared/contracts/quality.ts';
import type { CommonTag } from './config.ts';

export type TagSettings = Pick<CommonTag, 'scale' | 'offset'> & {
  linear?: CommonTag['linear'] | undefined;
  enum?: CommonTag['enum'] | undefined;
  deadband?: number | undefined;
};

/** value → (value − from) × by ÷ over + to. Two points and a division, so that both points come out exactly. */
interface Line {
  from: number;
  by: number;
  over: number;
  to: number;
}

interface Kept {
  value: Value;
  quality: number;
}

function lineOf({ scale, offset, linear }: TagSettings): Line | null {
  if (linear) {
    const { rawLow, rawHigh, low, high } = linear;
    return { from: rawLow, by: high - low, over: rawHigh - rawLow, to: low };
  }
  return scale !== 1 || offset !== 0 ? { from: 0, by: scale, over: 1, to: offset } : null;
}

export class Conditioner {
  readonly #lines = new Map<number, Line>();
  /** The `tags` of the newest frame of each device, which drivers share between frames. */
  readonly #repeated = new Map<string, { tags: number[]; lines: (Line | undefined)[] | null }>();
  readonly #names = new Map<number, Map<number, string>>();
  readonly #deadbands = new Map<number, number>();
  readonly #scaledDevices = new Set<string>();
  readonly #namedDevices = new Set<string>();
  readonly #filteredDevices = new Set<string>();
  readonly #kept = new Map<number, Kept>();

  /** Forgets a device's tags, so that they can be added anew. To be called while none of its frames is on its way. */
  remove(device: string, tags: number[]): void {
    this.#repeated.delete(device);
    for (const set of [this.#scaledDevices, this.#namedDevices, this.#filteredDevices]) set.delete(device);
    for (const tag of tags) {
      for (const map of [this.#lines, this.#names, this.#deadbands, this.#kept]) map.delete(tag);
    }
  }

  /** To be called once for each tag before the first frame. */
  add(device: string, tag: number, settings: TagSettings): void {
    this.#repeated.delete(device);
    const line = lineOf(settings);
    if (line) {
      this.#lines.set(tag, line);
      this.#scaledDevices.add(device);
    }
    if (settings.enum) {
      this.#names.set(tag, new Map(Object.entries(settings.enum).map(([raw, name]) => [Number(raw), name])));
      this.#namedDevices.add(device);
    }
    if (settings.deadband !== undefined) {
      this.#deadbands.set(tag, settings.deadband);
      this.#filteredDevices.add(device);
    }
  }

  /** The frame in engineering units and names. Drivers share arrays between frames, so a changed one is a new one. */
  scale(frame: Frame): Frame {
    const scaled = this.#scaledDevices.has(frame.device) ? this.#onLine(frame) : frame;
    return this.#namedDevices.has(frame.device) ? this.#named(scaled) : scaled;
  }

  /** One raw value in engineering units, or its name. */
  engineering(tag: number, raw: Value): Value {
    return this.reader(tag)(raw);
  }

  /** The same for later: it goes on when the tag is no more. */
  reader(tag: number): (raw: Value) => Value {
    const line = this.#lines.get(tag);
    const names = this.#names.get(tag);
    return (raw) => {
      if (line && typeof raw === 'number') return ((raw - line.from) * line.by) / line.over + line.to;
      if (!names || raw === null || typeof raw === 'string') return raw;
      return names.get(Number(raw)) ?? String(Number(raw));
    };
  }

  /**
   * The other way: what the device has to hold for an engineering value or a name. A boolean's name gives 0 or 1.
   *
   * @returns undefined when no raw value means that: an unknown name, or a scale of 0
   */
  raw(tag: number, value: Value): Value | undefined {
    const line = this.#lines.get(tag);
    if (line && typeof value === 'number') {
      return line.by === 0 ? undefined : ((value - line.to) * line.over) / line.by + line.from;
    }
    const names = this.#names.get(tag);
    if (!names) return value;
    for (const [raw, name] of names) if (name === value) return raw;
    return undefined;
  }

  #onLine(frame: Frame): Frame {
    const values = frame.values.slice();
    const lines = this.#linesOf(frame);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== 'number') continue;
      const line = lines ? lines[i] : this.#lines.get(frame.tags[i]!);
      if (line) values[i] = ((value - line.from) * line.by) / line.over + line.to;
    }
    return { ...frame, values };
  }

  /** The line of each sample, when frames of these tags come again and again: 5.4 ns a sample instead of 9. */
  #linesOf({ device, tags }: Frame): (Line | undefined)[] | null {
    const repeated = this.#repeated.get(device);
    if (repeated?.tags === tags) {
      repeated.lines ??= tags.map((tag) => this.#lines.get(tag));
      return repeated.lines;
    }
    this.#repeated.set(device, { tags, lines: null });
    return null;
  }

  #named(frame: Frame): Frame {
    const values = frame.values.slice();
    let quality = frame.quality;
    for (let i = 0; i < values.length; i++) {
      const names = this.#names.get(frame.tags[i]!);
      const value = values[i];
      if (!names || value === null || typeof value === 'string') continue;
      const name = names.get(Number(value));
      values[i] = name ?? String(Number(value));
      if (name !== undefined || !isGood(quality[i]!)) continue;
      if (quality === frame.quality) quality = quality.slice();
      quality[i] = Quality.Uncertain;
    }
    return { ...frame, values, quality };
  }

  /**
   * The frame without the samples that changed too little. A change of quality always passes, whatever the value:
   * a deadband thins the data, it never hides an edge.
   */
  filter(frame: Frame): Frame {
    if (!this.#filteredDevices.has(frame.device)) return frame;
    const passed = emptyFrame(frame.device, frame.receivedAt);
    for (let i = 0; i < frame.tags.length; i++) {
      const tag = frame.tags[i]!;
      const deadband = this.#deadbands.get(tag);
      const value = frame.values[i]!;
      const quality = frame.quality[i]!;
      if (deadband !== undefined && !this.#passes(tag, value, quality, deadband)) continue;
      pushSample(passed, tag, frame.sourceAt[i]!, value, quality);
    }
    return passed;
  }

  #passes(tag: number, value: Value, quality: number, deadband: number): boolean {
    const kept = this.#kept.get(tag);
    if (kept && kept.quality === quality && !exceeds(kept.value, value, deadband, quality)) return false;
    this.#kept.set(tag, { value, quality });
    return true;
  }
}

function exceeds(kept: Value, value: Value, deadband: number, quality: number): boolean {
  if (typeof kept !== 'number' || typeof value !== 'number' || !isGood(quality)) return !Object.is(kept, value);
  const change = Math.abs(value - kept);
  // A value that is not finite has no distance: then any difference counts.
  return Number.isFinite(change) ? change > deadband : !Object.is(kept, value);
}
