/** The hub's ids of a gateway's tags, by the numbers that the gateway gives them within an epoch. */
export class TagIds {
  /** Every sample is looked up here. Where a gateway's numbers are far apart the array is sparse. */
  readonly #ids: (number | undefined)[] = [];

  constructor(known: Iterable<readonly [number, number]> = []) {
    this.add(known);
  }

  add(known: Iterable<readonly [own: number, id: number]>): void {
    for (const [own, id] of known) this.#ids[own] = id;
  }

  /** 0 for a tag that is not known. */
  of(own: number): number {
    return this.#ids[own] ?? 0;
  }

  /** Of each sample; 0 for a tag that is not known. */
  column(own: Int32Array): Int32Array {
    const ids = this.#ids;
    const column = new Int32Array(own.length);
    for (let i = 0; i < own.length; i++) column[i] = ids[own[i]!] ?? 0;
    return column;
  }
}
