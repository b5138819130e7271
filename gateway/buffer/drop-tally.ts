/**
 * Samples that are given up one by one, before they were in a record: they become one drop event for each reason
 * and while. A kill loses the count of the last seconds, as it loses the samples that were in memory.
 */
import type { DropEvent } from '@lineside/shared/contracts/event.ts';

export type TallyReason = 'bufferFull' | 'diskFault' | 'malformed' | 'thinned';

export class DropTally {
  readonly #now: () => number;
  readonly #open = new Map<TallyReason, { samples: number; fromAt: number; toAt: number }>();
  /** Samples that this process has dropped, by reason. */
  readonly dropped = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get empty(): boolean {
    return this.#open.size === 0;
  }

  /** Times are when the samples came. */
  add(reason: TallyReason, samples: number, fromAt = this.#now(), toAt = fromAt): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + samples);
    const open = this.#open.get(reason);
    if (!open) this.#open.set(reason, { samples, fromAt, toAt });
    else {
      open.samples += samples;
      open.fromAt = Math.min(open.fromAt, fromAt);
      open.toAt = Math.max(open.toAt, toAt);
    }
  }

  /** What has come since the last call. */
  take(): DropEvent[] {
    const at = this.#now();
    const drops = [...this.#open].map(
      ([reason, counts]): DropEvent => ({ kind: 'drop', at, reason, fromSeq: null, toSeq: null, ...counts }),
    );
    this.#open.clear();
    return drops;
  }
}
