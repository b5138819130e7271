/** Twenty machines such as the demo's, polled ten times a second: what the buffer has to keep on a busy day. */
import type { Frame, TagInfo, Value, ValueType } from '@lineside/shared/contracts/frame.ts';

export const MACHINES = 20;
export const TAGS_EACH = 50;
export const POLL_MS = 100;

/** What of fifty tags a machine of the demo has of each kind: slow temperatures, noisy forces, counters, states, words. */
const KINDS: [count: number, type: ValueType, next: (last: number, random: number) => number][] = [
  [20, 'float32', (last, random) => round(last + (random < 0.3 ? random - 0.15 : 0), 10)],
  [12, 'float32', (_, random) => round(100 + 20 * random, 100)],
  [8, 'integer', (last, random) => last + (random < 0.05 ? 1 : 0)],
  [6, 'integer', (last, random) => (random < 0.01 ? Math.floor(random * 1_000) : last)],
  [4, 'boolean', (last, random) => (random < 0.02 ? 1 - last : last)],
];

export class MachineData {
  readonly tags: TagInfo[] = [];
  readonly #next: ((last: number, random: number) => number)[] = [];
  readonly #last: number[] = [];
  /** Of Park and Miller, so that each run has the same data. */
  #seed = 1;
  #at: number;

  constructor(from = Date.UTC(2026, 0, 1)) {
    this.#at = from;
    for (let machine = 0; machine < MACHINES; machine++) {
      for (const [count, type, next] of KINDS) {
        for (let i = 0; i < count; i++) {
          const id = this.tags.length + 1;
          this.tags.push({ id, device: `m${machine}`, name: `t${id}`, type, unit: '', description: '' });
          this.#next.push(next);
          this.#last.push(type === 'float32' ? 40 : 0);
        }
      }
    }
  }

  /** One poll of each machine. */
  poll(): Frame[] {
    this.#at += POLL_MS;
    const frames: Frame[] = [];
    for (let machine = 0; machine < MACHINES; machine++) {
      const receivedAt = this.#at + machine * 3;
      const first = machine * TAGS_EACH;
      const indices = Array.from({ length: TAGS_EACH }, (_, i) => first + i);
      frames.push({
        device: `m${machine}`,
        receivedAt,
        tags: indices.map((i) => i + 1),
        sourceAt: indices.map(() => receivedAt),
        values: indices.map((i) => this.#value(i)),
        quality: indices.map(() => 0),
      });
    }
    return frames;
  }

  #value(i: number): Value {
    this.#seed = (this.#seed * 48_271) % 0x7fff_ffff;
    const value = this.#next[i]!(this.#last[i]!, this.#seed / 0x7fff_ffff);
    this.#last[i] = value;
    return this.tags[i]!.type === 'boolean' ? value === 1 : value;
  }
}

function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}
