/**
 * Samples and alarms that are given up one by one, before they were in a record: they become one drop event for each
 * reason and while. A kill loses the count of the last seconds, as it loses what was in memory.
 */
import type { DropEvent } from '@lineside/shared/contracts/event.ts';

export type TallyReason = 'bufferFull' | 'diskFault' | 'malformed' | 'thinned';

type Counts = Pick<DropEvent, 'samples' | 'alarms'> & { fromAt: number; toAt: number };

export class DropTally {
  readonly #now: () => number;
  readonly #open = new Map<TallyReason | 'alarmsLost', Counts>();
  /** Samples that this process has dropped, by reason. */
  readonly dropped = new Map<string, number>();
  /** Alarms and events that this process has dropped. */
  droppedAlarms = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get empty(): boolean {
    return this.#open.size === 0;
  }

  /** Times are when the samples came. */
  add(reason: TallyReason, samples: number, fromAt = this.#now(), toAt = fromAt): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + samples);
    const open = this.#opened(reason, fromAt, toAt);
    open.samples += samples;
  }

  /** An alarm or event for which there was no room. */
  addAlarm(): void {
    this.droppedAlarms++;
    const at = this.#now();
    const open = this.#opened('alarmsLost', at, at);
    open.alarms = (open.alarms ?? 0) + 1;
  }

  #opened(reason: TallyReason | 'alarmsLost', fromAt: number, toAt: number): Counts {
    const open = this.#open.get(reason) ?? { samples: 0, fromAt, toAt };
    open.fromAt = Math.min(open.fromAt, fromAt);
    open.toAt = Math.max(open.toAt, toAt);
    this.#open.set(reason, open);
    return open;
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
