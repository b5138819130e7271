/** Alarms and events have a lane of their own: it overtakes samples, and keeps what the samples' limit takes away. */
import { spawn } from 'node:child_process';
import { cp, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { GatewayEvent } from '@lineside/shared/contracts/event.ts';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';
import {
  add,
  batchOf,
  drain,
  dropsOf,
  filesOf,
  flip,
  openBuffer,
  placesIn,
  store,
  storeLarge,
  TAGS,
  urgentOf,
} from './buffer-rig.ts';

const MIB = 1024 * 1024;
type Place = Awaited<ReturnType<typeof placesIn>>[number];

function alarm(occurrence: string, message = ''): AlarmEvent {
  return {
    ...{ occurrence, rule: 'r', device: 'press', tag: 1, transition: 'raised', state: 'unacknowledged', at: 1 },
    ...{ priority: 'high', message, value: 99, limit: 80, unit: '', by: '', comment: '' },
  } as AlarmEvent;
}

const CLOCK: GatewayEvent = { kind: 'clock', at: 5, stepMs: 100 };

describe('the urgent lane', () => {
  it('has an epoch and a cursor of its own, and survives a restart', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await store(buffer, 1, 2);
    buffer.addAlarm(alarm('a'));
    buffer.addEvent(CLOCK);
    await buffer.flushUrgent();
    expect(buffer.urgent.epoch).not.toBe(buffer.epoch);
    expect(buffer.stats()).toMatchObject({
      pendingRecords: 3,
      urgent: { pendingRecords: 1, epoch: buffer.urgent.epoch },
    });
    await buffer.committed(3);
    expect(buffer.urgent.committedSeq).toBe(0);
    await buffer.urgent.committed(1);
    await buffer.close();
    const again = await openBuffer(dir);
    expect(again.buffer.urgent.committedSeq).toBe(1);
    again.buffer.addAlarm(alarm('b'));
    await again.buffer.flushUrgent();
    // After a start its tags are told again, because they may have changed.
    expect(batchOf((await again.buffer.urgent.read(2))!).catalog).toEqual(TAGS);
    const { alarms, events } = await urgentOf(again.buffer);
    expect(alarms.map(({ occurrence }) => occurrence)).toEqual(['a', 'b']);
    expect(events).toEqual([CLOCK]);
  });

  it('writes nothing while nothing is urgent', async () => {
    const { buffer, urgent } = await openBuffer(await tempDir());
    await store(buffer, 1, 2, 3);
    buffer.describeTags([TAGS[0]!]);
    await buffer.flush();
    expect(urgent).toEqual([]);
    expect(buffer.urgent.newestSeq).toBe(0);
  });

  it('keeps every alarm while samples are dropped, and drops its own oldest only at its own limit', async () => {
    const { buffer } = await openBuffer(await tempDir(), { maxMiB: 4, urgentMiB: 4 });
    for (let i = 0; i < 20; i++) {
      buffer.addAlarm(alarm(String(i)));
      await storeLarge(buffer, i, 300_000);
    }
    expect(buffer.stats().droppedSamples).toBeGreaterThan(0);
    expect((await urgentOf(buffer)).alarms).toHaveLength(20);

    for (let i = 20; i < 60; i++) {
      let text = '';
      while (text.length < 200_000) text += Math.random().toString(36).slice(2);
      buffer.addAlarm(alarm(String(i), text));
      await buffer.flushUrgent();
    }
    const { alarms } = await urgentOf(buffer);
    const left = alarms.map(({ occurrence }) => Number(occurrence));
    expect(left).toEqual(Array.from({ length: left.length }, (_, i) => 60 - left.length + i));
    expect(buffer.stats().urgent.bytes).toBeLessThanOrEqual(4 * MIB);
    const own = (await dropsOf(buffer)).filter(({ epoch }) => epoch === buffer.urgent.epoch);
    expect(own.length).toBeGreaterThan(0);
    expect(own.at(-1)!.toSeq! + 1).toBe(buffer.urgent.oldestSeq);
  });
});

describe('a drop', () => {
  it('at the limit is declared with its records, samples and times', async () => {
    const before = Date.now();
    const { buffer } = await openBuffer(await tempDir(), { maxMiB: 4 });
    for (let i = 0; i < 30; i++) await storeLarge(buffer, i, 300_000);
    await buffer.flush();
    const drops = await dropsOf(buffer);
    const { droppedSamples, epoch } = buffer.stats();
    expect(drops.reduce((sum, { samples }) => sum + samples, 0)).toBe(droppedSamples);
    let next = 1;
    for (const drop of drops) {
      expect(drop).toMatchObject({ reason: 'bufferFull', epoch, fromSeq: next });
      expect(drop.fromAt).toBeGreaterThanOrEqual(before);
      expect(drop.toAt).toBeGreaterThanOrEqual(drop.fromAt!);
      next = drop.toSeq! + 1;
    }
    expect(next).toBe(buffer.oldestSeq);
  });

  it('that was declared when the gateway was killed is carried out, and not declared twice', async () => {
    const dir = await tempDir();
    const copy = await tempDir();
    const { buffer } = await openBuffer(dir, { maxMiB: 4 });
    while ((await filesOf(dir, '.seg')).length < 4) await storeLarge(buffer, 1, 300_000);
    const oldest = buffer.oldestSeq;
    const release = buffer.samples.log.readers.aboutToDrop.bind(buffer.samples.log.readers);
    // The moment after the declaration: what a kill leaves behind then.
    buffer.urgent.log.committed(0);
    buffer.samples.log.readers.aboutToDrop = async (...args) => {
      const count = await release(...args);
      const flush = buffer.urgent.flush.bind(buffer.urgent);
      buffer.urgent.flush = async () => {
        await flush();
        await cp(dir, copy, { recursive: true });
      };
      return count;
    };
    for (let i = 0; i < 4; i++) await storeLarge(buffer, 2, 300_000);
    const declared = (await dropsOf(buffer))[0]!;
    expect(declared.fromSeq).toBe(oldest);
    const again = await openBuffer(copy, { maxMiB: 4, tags: [] });
    expect(again.buffer.oldestSeq).toBe(declared.toSeq! + 1);
    expect((await drain(again.buffer))[0]!.prev).toBe(0);
    expect(await dropsOf(again.buffer)).toEqual([declared]);
  });

  it('is told once, and every sample is either there or told, through kills at any moment', async () => {
    const dir = await tempDir();
    const program = new URL('./endless-writer.ts', import.meta.url).pathname;
    let next = 0;
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [program, dir, String(next), 'large'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      let lines = 0;
      for await (const chunk of child.stdout.setEncoding('utf8')) {
        lines += String(chunk).split('\n').length - 1;
        if (lines > 24 + 3 * round) child.kill('SIGKILL');
      }
      await ended;
      next += 1_000;
    }
    const { buffer } = await openBuffer(dir, { maxMiB: 4, tags: [] });
    const drops = await dropsOf(buffer);
    const ranges = drops.filter(({ reason }) => reason === 'bufferFull');
    expect(ranges.length).toBeGreaterThan(4);
    let from = 1;
    for (const drop of ranges) {
      expect(drop.fromSeq).toBe(from);
      from = drop.toSeq! + 1;
    }
    expect(buffer.oldestSeq).toBe(from);
    const left = (await drain(buffer)).reduce((sum, { samples }) => sum + samples, 0);
    const told = drops.reduce((sum, { samples }) => sum + samples, 0);
    expect(left + told).toBe(buffer.stats().durableSamples);
  }, 20_000);

  it('is not carried out before it is on disk', async () => {
    const { buffer } = await openBuffer(await tempDir(), { maxMiB: 4 });
    const { flush } = buffer.urgent;
    buffer.urgent.flush = () => Promise.reject(new Error('no room for events'));
    let refused = 0;
    for (let i = 0; i < 20; i++) await storeLarge(buffer, i, 300_000).catch(() => refused++);
    expect(refused).toBeGreaterThan(0);
    expect(buffer.oldestSeq).toBe(1);
    expect(buffer.stats()).toMatchObject({ droppedSamples: 0, fault: expect.stringContaining('no room for events') });
    buffer.urgent.flush = flush;
    await buffer.flush();
    const { droppedSamples, fault } = buffer.stats();
    expect(fault).toBe('');
    const drops = await dropsOf(buffer);
    expect(drops.reduce((sum, { samples }) => sum + samples, 0)).toBe(droppedSamples);
    expect(new Set(drops.map(({ toSeq }) => toSeq)).size).toBe(drops.length);
  });

  it('of damaged records is told with what they held', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j <= i; j++) add(buffer, i * 10 + j);
      await buffer.flush();
    }
    const { epoch } = buffer;
    await buffer.close();
    const [name] = await filesOf(dir, '.seg');
    const places = await placesIn(dir, name!, epoch);
    await flip(join(dir, name!), places[2]!.payload);
    await flip(join(dir, name!), places.at(-1)!.payload);
    for (let round = 0; round < 2; round++) {
      const again = await openBuffer(dir, { tags: [] });
      await drain(again.buffer);
      await again.buffer.flush();
      expect(await dropsOf(again.buffer)).toMatchObject([
        { reason: 'damaged', epoch, samples: 2, fromSeq: 3, toSeq: 3 },
        { reason: 'damaged', epoch, samples: 0, fromSeq: 5, toSeq: 5 },
      ]);
      await again.buffer.close();
    }
  });

  it('of damaged records is told again when more is damaged right behind it', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await store(buffer, 2, 3, 4);
    const { epoch } = buffer;
    await buffer.close();
    const [name] = await filesOf(dir, '.seg');
    const places = await placesIn(dir, name!, epoch);
    await flip(join(dir, name!), places[2]!.payload);
    await (await openBuffer(dir, { tags: [] })).buffer.close();
    await flip(join(dir, name!), places[3]!.payload);
    for (let round = 0; round < 2; round++) {
      const again = await openBuffer(dir, { tags: [] });
      await drain(again.buffer);
      await again.buffer.flush();
      expect(await dropsOf(again.buffer)).toMatchObject([
        { reason: 'damaged', samples: 1, fromSeq: 3, toSeq: 3 },
        { reason: 'damaged', samples: 0, fromSeq: 3, toSeq: 4 },
      ]);
      await again.buffer.close();
    }
  });

  it.each([
    ['in the middle of a record', (places: Place[]) => places[3]!.at + 10],
    ['between two records', (places: Place[]) => places[2]!.end],
  ])('of a file that was cut short %s is told, and not again at the next start', async (_, cutAt) => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await store(buffer, 2, 3, 4);
    const { epoch } = buffer;
    await buffer.close();
    const [name] = await filesOf(dir, '.seg');
    await truncate(join(dir, name!), cutAt(await placesIn(dir, name!, epoch)));
    for (let round = 0; round < 3; round++) {
      const again = await openBuffer(dir);
      await store(again.buffer, 10 + round);
      const drops = await dropsOf(again.buffer);
      expect(drops).toMatchObject([{ reason: 'damaged', fromSeq: 4 }]);
      expect(again.buffer.newestSeq - drops[0]!.toSeq!).toBeLessThan(10);
      await again.buffer.close();
    }
  });

  it('of frames that cannot be encoded is told in one event', async () => {
    const { buffer, urgent } = await openBuffer(await tempDir());
    for (let i = 0; i < 3; i++) {
      buffer.addFrame({ device: 'press', receivedAt: 1, tags: [1, 1], sourceAt: [1], values: [1], quality: [0] });
    }
    await buffer.close();
    expect(urgent.flatMap((record) => batchOf(record).events)).toMatchObject([
      { kind: 'drop', reason: 'malformed', samples: 6, fromSeq: null, toSeq: null },
    ]);
  });
});
