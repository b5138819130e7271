/** Raw values become engineering values (scale, offset); then only what changed enough goes on (deadband). */
import { emptyFrame, type Frame, pushSample, type Value } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';

export interface TagSettings {
  scale: number;
  offset: number;
  deadband?: number | undefined;
}

interface Kept {
  value: Value;
  quality: number;
}

export class Conditioner {
  readonly #scaled = new Map<number, { scale: number; offset: number }>();
  readonly #deadbands = new Map<number, number>();
  readonly #scaledDevices = new Set<string>();
  readonly #filteredDevices = new Set<string>();
  readonly #kept = new Map<number, Kept>();

  /** To be called once for each tag before the first frame. */
  add(device: string, tag: number, settings: TagSettings): void {
    if (settings.scale !== 1 || settings.offset !== 0) {
      this.#scaled.set(tag, { scale: settings.scale, offset: settings.offset });
      this.#scaledDevices.add(device);
    }
    if (settings.deadband !== undefined) {
      this.#deadbands.set(tag, settings.deadband);
      this.#filteredDevices.add(device);
    }
  }

  /** The frame in engineering units. Drivers share arrays between frames, so a changed one is a new one. */
  scale(frame: Frame): Frame {
    if (!this.#scaledDevices.has(frame.device)) return frame;
    const values = frame.values.slice();
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== 'number') continue;
      const scaling = this.#scaled.get(frame.tags[i]!);
      if (scaling) values[i] = value * scaling.scale + scaling.offset;
    }
    return { ...frame, values };
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
