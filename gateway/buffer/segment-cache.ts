/** The segments that were read last. Keeps one with its bytes for each reader, because a segment is large. */
import type { LoadedSegment } from './segment-loader.ts';

export class SegmentCache {
  readonly #readers: number;
  /** Newest first. */
  #kept: LoadedSegment[] = [];

  /** @param readers how many read at places of their own */
  constructor(readers: number) {
    this.#readers = readers;
  }

  get(path: string): LoadedSegment | undefined {
    return this.#kept.find((kept) => kept.path === path);
  }

  /** Also to say that one was used again. */
  put(loaded: LoadedSegment): void {
    if (this.#kept[0] === loaded) return;
    let withBytes = 0;
    this.#kept = [loaded, ...this.#kept.filter(({ path }) => path !== loaded.path)]
      .slice(0, this.#readers + 1)
      .map((kept) => (kept.bytes && ++withBytes > this.#readers ? { ...kept, bytes: undefined } : kept));
  }

  forget(path: string): void {
    this.#kept = this.#kept.filter((kept) => kept.path !== path);
  }
}
