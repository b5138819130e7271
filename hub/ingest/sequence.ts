/**
 * Where one epoch of one gateway stands. Records are accepted once and in order; what was accepted is committed a
 * moment later, and only that is answered.
 */
export type Verdict =
  /** New and in order; `gap` names the records that the gateway itself says are gone. */
  | { kind: 'accept'; gap: { from: number; to: number } | null }
  /** Stored or about to be. */
  | { kind: 'duplicate' }
  /** Something before it is missing here although the gateway has it. */
  | { kind: 'hole' };

export class Sequence {
  /** Newest accepted record. */
  accepted: number;
  /** Newest record on disk. */
  committed: number;

  constructor(watermark: number) {
    this.accepted = watermark;
    this.committed = watermark;
  }

  judge(seq: number, prev: number): Verdict {
    if (seq <= this.accepted) return { kind: 'duplicate' };
    if (prev > this.accepted) return { kind: 'hole' };
    const gap = seq > this.accepted + 1 ? { from: this.accepted + 1, to: seq - 1 } : null;
    return { kind: 'accept', gap };
  }
}
