/**
 * Which gaps come of a restore: what a gateway had been told was committed, and had deleted, was in no backup. That is the
 * first gap after the restored watermark of an epoch, and nothing else is.
 */
export interface Restored {
  /** Milliseconds since 1970 UTC: when it was restored, and of when the backup was. */
  restoredAt: number;
  madeAt: number;
}

/** Clocks of a gateway and of the hub differ; and a gateway speaks every few seconds. Milliseconds. */
const DOUBT_MS = 60_000;

export class RestoredGaps {
  readonly #restored: Restored;
  /** Of each epoch that the backup knew: its watermark while nothing was committed since; -1 afterwards. */
  readonly #untouched = new Map<string, number>();

  constructor(restored: Restored) {
    this.#restored = restored;
  }

  know(marks: readonly { gateway: string; epoch: string; seq: number; updated_at: number }[]): void {
    for (const { gateway, epoch, seq, updated_at } of marks) {
      this.#untouched.set(`${gateway} ${epoch}`, updated_at < this.#restored.restoredAt ? seq : -1);
    }
  }

  /** Undefined when it has another cause. */
  causeOf(
    { gateway, epoch }: { gateway: string; epoch: string },
    gap: { from: number; toAt: number | null },
  ): string | undefined {
    const known = this.#untouched.get(`${gateway} ${epoch}`);
    // An epoch that was born after the backup: what is behind the gap was measured before the restore.
    const before = gap.from === 1 && gap.toAt !== null && gap.toAt < this.#restored.restoredAt + DOUBT_MS;
    if (known === undefined ? !before : known + 1 !== gap.from) return undefined;
    const from = new Date(this.#restored.madeAt).toISOString();
    return `not in the backup of ${from} that the hub was restored from, and no longer on the gateway’s disk`;
  }

  committed({ gateway, epoch }: { gateway: string; epoch: string }): void {
    this.#untouched.set(`${gateway} ${epoch}`, -1);
  }
}
