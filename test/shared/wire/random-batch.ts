/** Batches made from a seed: every kind of value, every awkward number, many devices. */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { GatewayEvent, WriteEvent } from '@lineside/shared/contracts/event.ts';
import {
  emptyFrame,
  type Frame,
  pushSample,
  type TagInfo,
  type Value,
  type ValueType,
} from '@lineside/shared/contracts/frame.ts';

/** mulberry32: 32 bits of state are plenty for test data. Returns numbers in [0, 1). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const AWKWARD: Record<ValueType, Value[]> = {
  float64: [0, -0, Number.NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE, 0.1, -1e-300, 2 ** 53],
  float32: [0, -0, Number.NaN, Infinity, -Infinity, Math.fround(0.1), Math.fround(-3.4e38), Math.fround(1e-45)],
  integer: [
    0,
    1,
    -1,
    63,
    -64,
    64,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 51,
    -(2 ** 51),
    2 ** 52,
    2 ** 53 - 1,
    1 - 2 ** 53,
  ],
  boolean: [true, false],
  string: ['', 'Execute', 'Störung', '過熱', '🛑 E-stop', 'a\0b', 'x'.repeat(300)],
};
const TYPES = Object.keys(AWKWARD) as ValueType[];
const QUALITY = [0, 0x8000_0000, 0x808b_0000, 0xffff_ffff, 0x4090_0000, 1];

export interface RandomBatch {
  catalog: TagInfo[];
  types: Map<number, ValueType>;
  frames: Frame[];
  alarms: AlarmEvent[];
  events: GatewayEvent[];
}

export function randomBatch(seed: number): RandomBatch {
  const next = random(seed);
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const ids = [1, 2, 127, 128, 16_384, 2 ** 31 - 1, ...Array.from({ length: 20 }, () => 1 + below(5_000))];
  const catalog = [...new Set(ids)].map((id): TagInfo => {
    const type = pick(TYPES);
    return {
      id,
      device: `dev-${id % 7}`,
      name: `tag ${id}`,
      type,
      unit: pick(['', '°C']),
      description: pick(['', 'a — b']),
      ...pick<Partial<TagInfo>>([
        {},
        { writable: true },
        { writable: true, min: 0, max: 1e300 },
        { writable: true, min: -0.1, max: 0 },
        { writable: true, names: ['Aus', 'Läuft', ''] },
      ]),
    };
  });
  const types = new Map(catalog.map((tag) => [tag.id, tag.type]));
  let at = pick([1_790_000_000_000, 0, 8.64e15 - 1e6]);
  const allGood = next() < 0.3;
  const frames = Array.from({ length: below(30) }, () => {
    at += below(4_000) - 1_000;
    const frame = emptyFrame(pick(['press', 'Füller 2', ...Array.from({ length: 40 }, (_, i) => `d${i}`)]), at);
    for (let left = 1 + below(60); left > 0; left--) {
      const tag = pick(catalog);
      const value = next() < 0.1 ? null : next() < 0.5 ? pick(AWKWARD[tag.type]) : plain(tag.type, next);
      const source = next() < 0.6 ? at : pick([at - below(1e6), at + below(1e5), -11_644_473_600_000]);
      pushSample(frame, tag.id, source, value, allGood ? 0 : pick(QUALITY));
    }
    if (next() < 0.1) frame.historical = true;
    return frame;
  });
  const alarms = Array.from({ length: below(3) }, (_, i) => alarm({ occurrence: `o${seed}-${i}` }));
  const events = Array.from({ length: below(3) }, (_, i) => writeEvent({ id: `w${seed}-${i}` }));
  return { catalog, types, frames, alarms, events };
}

function plain(type: ValueType, next: () => number): Value {
  if (type === 'boolean') return next() < 0.5;
  if (type === 'string') return `s${Math.floor(next() * 100)}`;
  if (type === 'integer') return Math.floor((next() - 0.5) * 2 ** Math.floor(next() * 53));
  const value = (next() - 0.5) * 1000;
  return type === 'float32' ? Math.fround(value) : value;
}

export function alarm(changes: Partial<AlarmEvent> = {}): AlarmEvent {
  return {
    occurrence: 'o1',
    rule: 'overheat',
    device: 'press',
    tag: 7,
    transition: 'raised',
    state: 'unacknowledged',
    at: 1_790_000_000_123,
    priority: 'high',
    message: 'Über 80 °C',
    value: 81.5,
    limit: 80,
    unit: '°C',
    by: '',
    comment: '',
    ...changes,
  };
}

export function writeEvent(changes: Partial<WriteEvent> = {}): WriteEvent {
  return {
    kind: 'write',
    at: 1_790_000_000_321,
    id: 'w1',
    device: 'press',
    tag: 'Setpoint',
    by: 'möller',
    via: 'hub',
    comment: '',
    requested: 42.5,
    old: null,
    new: 42.5,
    ok: true,
    error: '',
    ...changes,
  };
}

/** The samples of frames in columns, as a reader gives them back. */
export function columnsOf(frames: Frame[]) {
  return {
    frames: frames.map(({ device, receivedAt, tags, historical }) => ({
      device,
      receivedAt,
      count: tags.length,
      historical: historical === true,
    })),
    tags: frames.flatMap((frame) => frame.tags),
    sourceAt: frames.flatMap((frame) => frame.sourceAt),
    values: frames.flatMap((frame) => frame.values),
    quality: frames.flatMap((frame) => frame.quality),
  };
}
