/** Which tags somebody looks at right now: for the others nothing has to be prepared. */
export class WatchedTags {
  /** How many look at each tag. */
  readonly #watchers = new Map<number, number>();

  has(tag: number): boolean {
    return this.#watchers.has(tag);
  }

  add(tags: Iterable<number>): void {
    for (const tag of tags) this.#watchers.set(tag, (this.#watchers.get(tag) ?? 0) + 1);
  }

  /** Takes back one `add` of the same tags. */
  remove(tags: Iterable<number>): void {
    for (const tag of tags) {
      const left = (this.#watchers.get(tag) ?? 0) - 1;
      if (left > 0) this.#watchers.set(tag, left);
      else this.#watchers.delete(tag);
    }
  }
}
