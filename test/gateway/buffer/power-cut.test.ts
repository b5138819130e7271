/**
 * The power goes at any moment of a buffer's life: born, filled, rolled, committed by the hub, full. Whatever was
 * said to be durable is there afterwards, once and in order, and nothing else is; and the gateway always starts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { seededRandom } from '../../../demo/random.ts';
import type { PowerCutDisk } from '../../services/power-cut-disk.ts';
import { add, batchOf, drain, openBuffer, valuesOf } from './buffer-rig.ts';

const { disk } = await vi.hoisted(async () => {
  const { PowerCutDisk: Disk } = await import('../../services/power-cut-disk.ts');
  const real = process.getBuiltinModule('node:fs/promises');
  return { disk: new Disk(real) as PowerCutDisk };
});
vi.mock('node:fs/promises', () => ({ ...disk.module, default: disk.module }));

const CUTS = 25;
/** Small, so that segments come and go. */
const SMALL = { segmentMiB: 0.0625, maxMiB: 4, commitIntervalMs: 60_000 };

interface Promised {
  /** From this moment on. */
  moment: number;
  /** The newest value that is durable, and of the alarms. */
  value: number;
  alarms: number;
  /** The newest record that the hub has; up to here records may be given back. */
  committed: number;
}

/** A life of the buffer; returns what it had promised, by moment. */
async function live(root: string, random: () => number): Promise<Promised[]> {
  disk.record(root);
  const { buffer } = await openBuffer(join(root, 'buffer'), SMALL);
  const promised: Promised[] = [];
  const now: Promised = { moment: 0, value: -1, alarms: 0, committed: 0 };
  let value = 0;
  for (let step = 0; step < 120; step++) {
    const frames = 1 + Math.floor(random() * 4);
    for (let i = 0; i < frames; i++) add(buffer, value++);
    if (random() < 0.5) addText(buffer, value++, Math.floor(random() * 12_000), random);
    const alarms = random() < 0.1 ? 1 : 0;
    if (alarms) buffer.addAlarm(alarmNumber(now.alarms + 1));
    await buffer.flush();
    Object.assign(now, { value: value - 1, alarms: now.alarms + alarms });
    if (random() < 0.15) {
      const seq = buffer.committedSeq + Math.floor(random() * (buffer.newestSeq - buffer.committedSeq + 1));
      now.committed = Math.max(now.committed, seq);
      await buffer.committed(seq);
    }
    promised.push({ ...now, moment: disk.moment });
  }
  disk.stop();
  return promised;
}

describe('a power cut', { timeout: 60_000 }, () => {
  test.each([1, 2, 3, 4])('at any moment loses nothing that was durable (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const root = await mkdtemp(join(tmpdir(), 'lineside-power-'));
    try {
      const promised = await live(root, random);
      for (let cut = 0; cut < CUTS; cut++) {
        const moment = Math.floor(random() * (disk.moment + 1));
        const target = join(root, `after-${cut}`);
        await disk.cut(moment, random, target);
        const kept = promised.findLast((each) => each.moment <= moment);
        await expectKept(join(target, 'buffer'), kept, `seed ${seed}, cut at ${moment}`);
      }
    } finally {
      // The first life's buffer is still open and may just be writing its cursor.
      await rm(root, { recursive: true, maxRetries: 5 });
    }
  });
});

async function expectKept(dir: string, kept: Promised | undefined, what: string): Promise<void> {
  const { buffer } = await openBuffer(dir, SMALL);
  const records = await drain(buffer);
  const values = valuesOf(records);
  expect(values, what).toEqual([...new Set(values)].sort((a, b) => a - b));
  if (kept) {
    // What the hub has may be gone; behind it nothing may be.
    const first = Math.max(buffer.oldestSeq, 1);
    expect(first, what).toBeLessThanOrEqual(kept.committed + 1);
    const expected = values.length > 0 ? values[0]! : kept.value + 1;
    const missing = range(expected, kept.value).filter((value) => !values.includes(value));
    expect(missing, what).toEqual([]);
    if (kept.committed < buffer.newestSeq) expect(values.at(-1), what).toBeGreaterThanOrEqual(kept.value);
    const alarms = (await drain(buffer.urgent)).flatMap((record) => batchOf(record).alarms);
    expect(alarms.length, what).toBeGreaterThanOrEqual(kept.alarms);
    expect(alarms.map(({ occurrence }) => occurrence)).toEqual(range(1, alarms.length).map((n) => `alarm ${n}`));
  }
  // It goes on, and what comes now is kept as well.
  add(buffer, 1e6);
  await buffer.flush();
  expect(valuesOf(await drain(buffer)).at(-1), what).toBe(1e6);
  await buffer.close();
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}

function addText(
  buffer: Awaited<ReturnType<typeof openBuffer>>['buffer'],
  value: number,
  bytes: number,
  random: () => number,
): void {
  const text = Array.from({ length: Math.ceil(bytes / 10) }, () => random().toString(36).slice(2, 12)).join('');
  const at = 1_790_000_000_000 + value;
  buffer.addFrame({
    ...{ device: 'press', receivedAt: at, tags: [1, 2], sourceAt: [at, at] },
    ...{ values: [value, text], quality: [0, 0] },
  });
}

function alarmNumber(n: number) {
  return {
    ...{ occurrence: `alarm ${n}`, rule: 'hot', device: 'press', tag: 1, transition: 'raised' as const },
    ...{ state: 'unacknowledged' as const, at: n, priority: 'high' as const, message: '', value: 1, limit: 0 },
    ...{ unit: '', by: '', comment: '' },
  };
}
