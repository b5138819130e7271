/**
 * The state of the buffer as a tag with alarms: whoever looks after the gateway hears that its disk refuses, or that
 * samples are being given up, like of anything else that needs somebody.
 */
import { emptyFrame, type Frame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import type { AlarmConfig } from './alarms/config.ts';
import type { BufferStats } from './buffer/buffer.ts';
import type { TagDescription } from './tags/tag-registry.ts';

const NAME = '$buffer';
const BIT = { fault: 0, drops: 1, thins: 2 };
/** A drop is said for so long: the oldest go a file at a time. Milliseconds. */
const DROPS_MS = 60_000;

type Watched = Pick<BufferStats, 'fault' | 'droppedSamples' | 'droppedAlarms' | 'droppedByReason' | 'thinning'>;

export class BufferWatch {
  readonly tag: TagDescription;
  readonly alarms: AlarmConfig[];
  #said: number | null = null;
  #dropped = 0;
  #droppedAt = Number.NEGATIVE_INFINITY;

  private constructor(device: string) {
    const description = 'State of the gateway’s buffer: bit 0 cannot write, bit 1 drops samples, bit 2 thins them';
    this.tag = { device, name: NAME, type: 'integer', unit: '', description };
    const common = { tag: `${device}/${NAME}`, hysteresis: 0, onDelayMs: 0, offDelayMs: 0 };
    this.alarms = [
      {
        ...common,
        id: 'lineside.buffer-fault',
        message: 'This gateway cannot write to its disk: samples wait in memory',
        priority: 'high',
        bit: BIT.fault,
      },
      {
        ...common,
        id: 'lineside.buffer-drops',
        message: 'This gateway gives up samples: its buffer is full, too old or not writable',
        priority: 'high',
        bit: BIT.drops,
      },
    ];
  }

  /** Null where there is no device whose tag it could be. */
  static of(devices: readonly { id: string }[]): BufferWatch | null {
    return devices[0] ? new BufferWatch(devices[0].id) : null;
  }

  /** A frame when the state has changed; null otherwise. */
  look(tag: number, stats: Watched, now: number): Frame | null {
    const state = this.#stateOf(stats);
    if (state === this.#said) return null;
    this.#said = state;
    const frame = emptyFrame(this.tag.device, now);
    pushSample(frame, tag, now, state, Quality.Good);
    return frame;
  }

  #stateOf({ fault, droppedSamples, droppedAlarms, droppedByReason, thinning }: Watched): number {
    // Thinning has a bit of its own, and is what somebody chose.
    const dropped = droppedSamples + droppedAlarms - (droppedByReason.thinned ?? 0);
    if (dropped > this.#dropped) this.#droppedAt = performance.now();
    this.#dropped = dropped;
    const drops = performance.now() - this.#droppedAt < DROPS_MS;
    return (Number(fault !== '') << BIT.fault) | (Number(drops) << BIT.drops) | (Number(thinning) << BIT.thins);
  }
}
