/**
 * Makes a buffer that fills up last longer: of each tag at most one sample in a while is let through. A change of
 * quality always is, and so is a change of a text or a boolean, because those are states; and so are the gateway's
 * own tags.
 */
import { type Frame, pushSample, type TagInfo, type Value } from '@lineside/shared/contracts/frame.ts';

interface Last {
  at: number;
  value: Value;
  quality: number;
}

export class Thinner {
  readonly #everyMs: number;
  readonly #last = new Map<number, Last>();
  #exempt = new Set<number>();

  /** @param everyMs milliseconds between two samples of a tag, by their source time */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  describeTags(tags: TagInfo[]): void {
    this.#exempt = new Set(tags.filter(({ name }) => name.startsWith('$')).map(({ id }) => id));
  }

  /** Forgets what was let through: the next sample of each tag is. */
  reset(): void {
    this.#last.clear();
  }

  /** The frame with what is let through; the same one when that is all. */
  filter(frame: Frame): Frame {
    const keep = frame.tags.map((tag, i) =>
      this.#passes(tag, frame.sourceAt[i]!, frame.values[i]!, frame.quality[i]!),
    );
    if (!keep.includes(false)) return frame;
    const { tags, sourceAt, values, quality } = frame;
    const thinned: Frame = { ...frame, tags: [], sourceAt: [], values: [], quality: [] };
    for (let i = 0; i < tags.length; i++) {
      if (keep[i]) pushSample(thinned, tags[i]!, sourceAt[i]!, values[i]!, quality[i]!);
    }
    return thinned;
  }

  #passes(tag: number, at: number, value: Value, quality: number): boolean {
    if (this.#exempt.has(tag)) return true;
    const last = this.#last.get(tag);
    const isState = typeof value === 'string' || typeof value === 'boolean';
    const passes =
      !last ||
      // A clock that is set back must not silence a tag.
      Math.abs(at - last.at) >= this.#everyMs ||
      quality !== last.quality ||
      (isState && value !== last.value);
    if (passes) this.#last.set(tag, { at, value, quality });
    return passes;
  }
}
