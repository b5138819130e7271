/** A certificate by which the hub shows to its clients that it is the hub: of files, or of its own authority. */

/** PEM. */
export interface Pair {
  /** With what else a client needs to follow it to an authority. */
  certificate: string;
  key: string;
}

export interface ShownCertificate {
  /** Only after the first `keepFresh`. */
  readonly pair: Pair;
  /** Host names and addresses that it is for; empty where that is not the hub's doing. */
  readonly names: string[];
  /** Where it comes from, in words. */
  readonly origin: string;
  /**
   * Takes a newer one when there is one; when that fails, the one before is kept.
   *
   * @param now milliseconds since 1970 UTC
   * @returns whether it is another one now
   * @throws LinesideError saying why there is none, or no newer one
   */
  keepFresh(now: number): Promise<boolean>;
}
