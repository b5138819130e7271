/** Who takes which gateways: as many each as there are gateways for each, and what somebody has he keeps. */

export interface Sharing {
  /** All that are to be taken by somebody. */
  wanted: ReadonlySet<string>;
  /** What this replica holds. */
  held: ReadonlySet<string>;
  /** What nobody who lives holds. */
  free: ReadonlySet<string>;
  /** Replicas that take gateways, this one among them. */
  replicas: number;
}

export function sharesOf({ wanted, held, free, replicas }: Sharing): { release: string[]; claim: string[] } {
  const share = Math.ceil(wanted.size / Math.max(1, replicas));
  const mine = [...held].sort();
  // What nobody wants any more is let go of without a thought for shares.
  const surplus = Math.max(0, mine.length - share);
  const room = Math.max(0, share - mine.length);
  const claimable = [...wanted].filter((name) => free.has(name) && !held.has(name)).sort();
  return { release: surplus === 0 ? [] : mine.slice(-surplus), claim: claimable.slice(0, room) };
}
