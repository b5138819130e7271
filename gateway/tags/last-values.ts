/** The newest sample of every tag, for the local page and for new subscribers. */
import type { Frame, Value } from '@lineside/shared/contracts/frame.ts';

export interface LastValue {
  sourceAt: number;
  value: Value;
  quality: number;
}

/** So many frames of different tags are kept of a device before they are looked into. */
const MAX_FRAMES = 64;

export class LastValues {
  // Frames are only remembered and looked into on demand: copying 10,000 samples a second for a page that
  // somebody opens twice a day would cost more than reading them.
  readonly #frames = new Map<string, Frame[]>();
  readonly #values = new Map<number, LastValue>();

  observe(frame: Frame): void {
    const frames = this.#frames.get(frame.device);
    if (!frames) {
      this.#frames.set(frame.device, [frame]);
      return;
    }
    // Polls share their `tags`: the new one says all that the one before said. What is let go at once costs the
    // garbage collector nothing; kept for a while, it is copied about.
    if (frames.at(-1)?.tags === frame.tags) frames[frames.length - 1] = frame;
    else if (frames.push(frame) >= MAX_FRAMES) this.#fold(frames);
  }

  /** Tags that are no more. */
  forget(device: string, tags: number[]): void {
    const frames = this.#frames.get(device);
    if (frames) this.#fold(frames);
    for (const tag of tags) this.#values.delete(tag);
  }

  get(device: string, tag: number): LastValue | undefined {
    const frames = this.#frames.get(device);
    if (frames) this.#fold(frames);
    return this.#values.get(tag);
  }

  #fold(frames: Frame[]): void {
    const seen = new Set<number>();
    for (let f = frames.length - 1; f >= 0; f--) {
      const frame = frames[f]!;
      for (let i = frame.tags.length - 1; i >= 0; i--) {
        const tag = frame.tags[i]!;
        if (seen.has(tag)) continue;
        seen.add(tag);
        this.#values.set(tag, {
          sourceAt: frame.sourceAt[i]!,
          value: frame.values[i]!,
          quality: frame.quality[i]!,
        });
      }
    }
    frames.length = 0;
  }
}
