import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayBuffer } from '@lineside/gateway/buffer/buffer.ts';
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import { describe, expect, it, vi } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';
import {
  add,
  batchOf,
  CONFIG,
  collectingLogger,
  drain,
  filesOf,
  openBuffer,
  store,
  storeLarge,
  TAGS,
  valuesOf,
} from './buffer-rig.ts';

describe('group commit', () => {
  it('makes many frames one record, in order, behind the catalogue', async () => {
    const { buffer, committed } = await openBuffer(await tempDir());
    for (let i = 0; i < 50; i++) add(buffer, i);
    expect(buffer.stats()).toMatchObject({ pendingRecords: 0, durableSamples: 0 });
    await buffer.flush();
    expect(committed.map(({ seq, prev, samples }) => ({ seq, prev, samples }))).toEqual([
      { seq: 1, prev: 0, samples: 0 },
      { seq: 2, prev: 1, samples: 50 },
    ]);
    expect(batchOf(committed[0]!).catalog).toEqual(TAGS);
    expect(valuesOf(committed)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(buffer.stats()).toMatchObject({ pendingRecords: 2, pendingSamples: 50, durableSamples: 50 });
  });

  it.each([0, 20])('comes by itself after %i ms', async (commitIntervalMs) => {
    const { buffer, committed } = await openBuffer(await tempDir(), { commitIntervalMs });
    add(buffer, 7);
    await vi.waitFor(() => expect(valuesOf(committed)).toEqual([7]), { interval: 5 });
    add(buffer, 8);
    await vi.waitFor(() => expect(valuesOf(committed)).toEqual([7, 8]), { interval: 5 });
  });

  it('loses no batch that was closed early while another was being written', async () => {
    const { buffer } = await openBuffer(await tempDir(), { segmentMiB: 16, tags: [] });
    const tags = Array.from({ length: 1_000 }, (_, i) => i + 1);
    const zeros = tags.map(() => 0);
    const flushes: Promise<void>[] = [];
    for (let i = 0; i < 400; i++) {
      buffer.addFrame({
        device: 'press',
        receivedAt: i,
        tags,
        sourceAt: zeros,
        values: tags.map(() => i),
        quality: zeros,
      });
      if (i % 70 === 0) flushes.push(buffer.flush());
    }
    await Promise.all(flushes);
    await buffer.close();
    expect(buffer.stats()).toMatchObject({ durableSamples: 400_000, droppedSamples: 0, fault: '' });
  });

  it('keeps alarms in a lane of their own, which names its tags', async () => {
    const { buffer, urgent } = await openBuffer(await tempDir());
    add(buffer, 99);
    buffer.addAlarm({
      occurrence: 'o',
      rule: 'r',
      device: 'press',
      tag: 1,
      transition: 'raised',
      state: 'unacknowledged',
      at: 1,
      priority: 'high',
      message: 'hot',
      value: 99,
      limit: 80,
      unit: '',
      by: '',
      comment: '',
    });
    await buffer.close();
    expect(urgent.map(batchOf)).toMatchObject([
      { catalog: TAGS, tags: new Int32Array(0), alarms: [{ occurrence: 'o', state: 'unacknowledged' }] },
    ]);
  });

  it('drops and counts a frame that cannot be encoded, and says so once', async () => {
    const { buffer, logged } = await openBuffer(await tempDir());
    for (let i = 0; i < 3; i++) {
      add(buffer, i);
      buffer.addFrame({ device: 'press', receivedAt: 1, tags: [1, 1], sourceAt: [1], values: [1], quality: [0] });
    }
    await buffer.flush();
    expect(valuesOf(await drain(buffer))).toEqual([0, 1, 2]);
    expect(buffer.stats()).toMatchObject({ droppedSamples: 6, pendingSamples: 3 });
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('arrays differ in length');
  });

  it('survives a listener that throws', async () => {
    const logged: string[] = [];
    const buffer = new GatewayBuffer({
      dir: await tempDir(),
      config: CONFIG,
      log: collectingLogger(logged),
      now: Date.now,
      onCommit: () => {
        throw new Error('listener broken');
      },
    });
    await buffer.open();
    await store(buffer, 1, 2);
    expect(valuesOf(await drain(buffer))).toEqual([1, 2]);
    expect(logged.join()).toContain('listener broken');
    await buffer.close();
  });
});

describe('reading', () => {
  it('finds the first record from any seq on, from memory and from disk', async () => {
    const dir = await tempDir();
    const first = await openBuffer(dir);
    await store(first.buffer, 10, 20, 30);
    const fromMemory = await drain(first.buffer);
    await first.buffer.close();
    const { buffer } = await openBuffer(dir, { tags: [] });
    expect(await drain(buffer)).toEqual(fromMemory);
    expect((await buffer.read(3))?.prev).toBe(2);
    expect(await buffer.read(5)).toBeUndefined();
    await store(buffer, 40);
    expect(valuesOf(await drain(buffer, 4))).toEqual([30, 40]);
  });

  it('goes across segments, each of which begins with the catalogue', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    for (let i = 0; i < 12; i++) await storeLarge(buffer, i, 300_000);
    await buffer.close();
    const names = await filesOf(dir, '.seg');
    expect(names.length).toBeGreaterThan(3);
    const again = await openBuffer(dir, { tags: [] });
    for (const name of names) {
      expect(batchOf((await again.buffer.read(Number.parseInt(name, 10)))!).catalog).toEqual(TAGS);
    }
    expect(valuesOf(await drain(again.buffer))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('a catalogue that changes stands before its first sample, and at the head of each segment from then on', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await storeLarge(buffer, 0, 300_000);
    // What was measured before the change is still in memory when it comes.
    add(buffer, 1);
    const oven: TagInfo = { id: 3, device: 'oven', name: 'door', type: 'boolean', unit: '', description: '' };
    const changed = [TAGS[1]!, oven];
    buffer.describeTags(changed);
    buffer.describeTags(changed);
    for (let i = 0; i < 4; i++) {
      const at = 1_790_000_000_000 + i;
      buffer.addFrame({ device: 'oven', receivedAt: at, tags: [3], sourceAt: [at], values: [true], quality: [0] });
      await storeLarge(buffer, 2, 300_000);
    }
    const records = await drain(buffer);
    const described = records.map((record) => batchOf(record).catalog).filter((catalog) => catalog.length > 0);
    expect(described).toEqual([TAGS, TAGS, changed, changed]);
    const known = new Set<number>();
    for (const record of records) {
      const { catalog, tags } = batchOf(record);
      for (const { id } of catalog) known.add(id);
      expect([...tags].filter((tag) => !known.has(tag))).toEqual([]);
    }
    const heads = (await filesOf(dir, '.seg')).map((name) => Number.parseInt(name, 10));
    expect(heads.length).toBe(2);
    expect(batchOf((await buffer.read(heads[1]!))!).catalog).toEqual(changed);
  });

  it('while samples are added sees whole records only', async () => {
    const { buffer, logged } = await openBuffer(await tempDir(), { commitIntervalMs: 0 });
    const seen: number[] = [];
    let next = 1;
    const reading = (async () => {
      while (seen.length < 200) {
        const record = await buffer.read(next);
        if (record) {
          seen.push(...valuesOf([record]));
          next = record.seq + 1;
        } else await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let i = 0; i < 200; i++) {
      add(buffer, i);
      if (i % 10 === 0) await buffer.flush();
    }
    await buffer.flush();
    await reading;
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(logged).toEqual([]);
  });
});

describe('what the hub has committed', () => {
  it('frees segments, and their files are used again', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    for (let i = 0; i < 12; i++) await storeLarge(buffer, i, 300_000);
    const before = buffer.stats();
    expect(before).toMatchObject({ pendingSamples: 24, pendingRecords: buffer.newestSeq });
    await buffer.committed(buffer.newestSeq);
    expect(buffer.stats()).toMatchObject({ pendingSamples: 0, pendingRecords: 0, bytes: 1024 * 1024 });
    expect(await filesOf(dir, '.free')).toHaveLength(2);
    for (let i = 12; i < 20; i++) await storeLarge(buffer, i, 300_000);
    expect(await filesOf(dir, '.free')).toHaveLength(0);
    const cursor = buffer.committedSeq;
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(again.buffer.committedSeq).toBe(cursor);
    expect(valuesOf(await drain(again.buffer, cursor + 1))).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
    expect(again.buffer.stats()).toMatchObject({ pendingSamples: 16, damagedPlaces: 0 });
    expect(again.logged).toEqual([]);
  });

  it.each([0, 1, 2, 3, 4])('is counted exactly at seq %i', async (seq) => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await store(buffer, 10, 20, 30);
    await buffer.committed(seq);
    const wanted = { pendingSamples: Math.min(3, 4 - seq), pendingRecords: 4 - seq, durableSamples: 3 };
    expect(buffer.stats()).toMatchObject(wanted);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(again.buffer.stats()).toMatchObject(wanted);
  });

  it('is kept as far as keepCommittedMiB says, for a hub that was restored', async () => {
    const { buffer } = await openBuffer(await tempDir(), { keepCommittedMiB: 2 });
    for (let i = 0; i < 20; i++) await storeLarge(buffer, i, 300_000);
    await buffer.committed(buffer.newestSeq);
    expect(buffer.stats()).toMatchObject({ pendingSamples: 0, bytes: 3 * 1024 * 1024 });
    const kept = valuesOf(await drain(buffer, 1));
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 20 - kept.length + i));
    await buffer.committed(1);
    expect(buffer.stats()).toMatchObject({ pendingSamples: kept.length * 2 });
    expect(kept.length).toBeLessThan(20);
    expect((await buffer.read(2))!.prev).toBe(0);
  });

  it('of many answers at once the last counts', async () => {
    const { buffer } = await openBuffer(await tempDir());
    await store(buffer, 1, 2, 3, 4);
    await Promise.all([buffer.committed(2), buffer.committed(5), buffer.committed(3)]);
    expect(buffer.stats()).toMatchObject({ pendingSamples: 2, pendingRecords: 2 });
  });

  it('beyond this disk makes numbers go on behind it, and what was written meanwhile is written again', async () => {
    const dir = await tempDir();
    const first = await openBuffer(dir);
    await store(first.buffer, 1, 2, 3);
    const copy = await tempDir();
    await cp(dir, copy, { recursive: true });
    await store(first.buffer, 4, 5, 6, 7, 8);
    const hub = first.buffer.newestSeq;
    const restored = await openBuffer(copy, { tags: [] });
    await store(restored.buffer, 104, 105);
    await restored.buffer.committed(hub);
    expect(restored.buffer.stats()).toMatchObject({ pendingSamples: 2, pendingRecords: 2 });
    await store(restored.buffer, 106);
    const records = await drain(restored.buffer, hub + 1);
    expect(valuesOf(records)).toEqual([104, 105, 106]);
    expect(records[0]).toMatchObject({ seq: hub + 1 });
    expect(records[0]!.prev).toBeLessThanOrEqual(hub);
    await restored.buffer.close();
    const again = await openBuffer(copy, { tags: [] });
    expect(valuesOf(await drain(again.buffer, hub + 1))).toEqual([104, 105, 106]);
    expect(again.buffer.stats()).toMatchObject({ pendingSamples: 3, pendingRecords: 3 });
  });

  it('beyond what this process has sent is one of records that this disk has lost, however many it has written since', async () => {
    const dir = await tempDir();
    const first = await openBuffer(dir);
    await store(first.buffer, 1, 2, 3);
    const copy = await tempDir();
    await cp(dir, copy, { recursive: true });
    await store(first.buffer, 4, 5);
    const hub = first.buffer.newestSeq;
    const restored = await openBuffer(copy, { tags: [] });
    await store(restored.buffer, 104, 105, 106, 107);
    await restored.buffer.committed(hub, 0);
    const records = await drain(restored.buffer, hub + 1);
    expect(valuesOf(records).sort()).toEqual([104, 105, 106, 107]);
    await restored.buffer.committed(records.at(-1)!.seq, records.at(-1)!.seq);
    expect(restored.buffer.stats()).toMatchObject({ pendingSamples: 0, pendingRecords: 0 });
  });
});

describe('the limit', () => {
  it('drops the oldest, counts them exactly, and the rest has no dangling predecessor', async () => {
    const dir = await tempDir();
    const { buffer, logged } = await openBuffer(dir, { maxMiB: 4 });
    for (let i = 0; i < 30; i++) await storeLarge(buffer, i, 300_000);
    const { droppedSamples, pendingSamples, bytes } = buffer.stats();
    expect(bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(droppedSamples).toBeGreaterThan(0);
    const records = await drain(buffer, 1);
    const values = valuesOf(records);
    expect(values).toEqual(Array.from({ length: values.length }, (_, i) => 30 - values.length + i));
    expect(records[0]!.prev).toBe(0);
    expect(pendingSamples).toBe(values.length * 2);
    expect(droppedSamples).toBe(60 - pendingSamples);
    expect(logged.join()).toContain('oldest samples dropped');
    await buffer.close();
    const again = await openBuffer(dir, { maxMiB: 4, tags: [] });
    expect(again.buffer.stats()).toMatchObject({ pendingSamples, droppedSamples: 0 });
  });

  it('drops what the hub has before what it has not', async () => {
    const { buffer } = await openBuffer(await tempDir(), { maxMiB: 4, keepCommittedMiB: 64 });
    for (let i = 0; i < 9; i++) await storeLarge(buffer, i, 300_000);
    await buffer.committed(buffer.newestSeq);
    for (let i = 9; i < 14; i++) await storeLarge(buffer, i, 300_000);
    expect(buffer.stats()).toMatchObject({ droppedSamples: 0, pendingSamples: 10 });
  });
});

describe('the cursor file', () => {
  it.each([
    ['empty', ''],
    ['cut off', null],
    ['of another epoch', `${'0'.repeat(32)} 99\n`],
    ['garbage', '\0\0\0'],
  ])('that is %s is as good as none', async (_, text) => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir);
    await store(buffer, 1, 2);
    await buffer.committed(2);
    await buffer.close();
    const sound = await readFile(join(dir, 'cursor'), 'utf8');
    expect(sound).toBe(`${buffer.epoch} 2\n`);
    await writeFile(join(dir, 'cursor'), text ?? sound.trimEnd());
    const again = await openBuffer(dir, { tags: [] });
    expect(again.buffer.committedSeq).toBe(0);
    expect(again.buffer.stats()).toMatchObject({ pendingSamples: 2, pendingRecords: 3 });
  });
});

describe('all at once', () => {
  it('writing, reading, committing and dropping never mix up a record', async () => {
    const { buffer, logged } = await openBuffer(await tempDir(), { maxMiB: 4, commitIntervalMs: 0 });
    const seen: number[] = [];
    let writing = true;
    let next = 1;
    const reading = (async () => {
      while (writing || next <= buffer.newestSeq) {
        const record = await buffer.read(next);
        if (!record) {
          await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        expect(record.seq).toBeGreaterThanOrEqual(next);
        expect(record.prev).toBeLessThan(record.seq);
        seen.push(...valuesOf([record]));
        next = record.seq + 1;
        // A slow hub, so that the oldest is dropped under the reader's eyes; and one that goes back at times.
        if (seen.length % 3 === 0) void buffer.committed(Math.max(0, record.seq - (seen.length % 5)));
        if (seen.length % 4 === 0) await buffer.read(Math.max(1, record.seq - 20));
      }
    })();
    for (let i = 0; i < 80; i++) await storeLarge(buffer, i, 200_000);
    writing = false;
    await reading;
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.at(-1)).toBe(79);
    await buffer.committed(buffer.newestSeq);
    expect(buffer.stats()).toMatchObject({ pendingSamples: 0, pendingRecords: 0, damagedPlaces: 0, fault: '' });
    expect(logged.filter((line) => !line.includes('oldest samples dropped'))).toEqual([]);
  });
});
