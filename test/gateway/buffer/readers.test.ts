/** Those who read besides the hub: cursors of their own, which hold records back up to the limit. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { tempDir } from '../../services/temp-dir.ts';
import { filesOf, openBuffer, store, storeLarge, valuesOf } from './buffer-rig.ts';

const MIB = 1024 * 1024;

it('a reader goes its own way, and again from its cursor after a restart', async () => {
  const dir = await tempDir();
  const { buffer } = await openBuffer(dir, { readers: ['sparkplug'] });
  await store(buffer, 10, 20, 30);
  const reader = buffer.reader('sparkplug');
  expect(reader.cursor).toBe(0);
  const first = (await reader.read(1))!;
  const second = (await reader.read(first.seq + 1))!;
  expect(valuesOf([first, second])).toEqual([10]);
  reader.advance(second.seq);
  reader.advance(first.seq);
  expect(reader.cursor).toBe(second.seq);
  expect(buffer.committedSeq).toBe(0);
  expect(buffer.stats().readers).toEqual([{ name: 'sparkplug', pendingRecords: 2, droppedSamples: 0 }]);
  await buffer.close();
  const again = await openBuffer(dir, { readers: ['sparkplug'], tags: [] });
  expect(again.buffer.reader('sparkplug').cursor).toBe(second.seq);
});

it.each([
  ['lost', ''],
  ['of another epoch', `${'0'.repeat(32)} 3\n`],
])('a cursor that is %s makes the reader read again', async (_, text) => {
  const dir = await tempDir();
  const { buffer } = await openBuffer(dir, { readers: ['sparkplug'] });
  await store(buffer, 10);
  buffer.reader('sparkplug').advance(2);
  await buffer.close();
  await writeFile(join(dir, 'cursor.sparkplug'), text);
  const again = await openBuffer(dir, { readers: ['sparkplug'], tags: [] });
  expect(again.buffer.reader('sparkplug').cursor).toBe(0);
});

it('what the hub has stays until each reader is done with it', async () => {
  const { buffer } = await openBuffer(await tempDir(), { readers: ['a', 'b'] });
  for (let i = 0; i < 9; i++) await storeLarge(buffer, i, 300_000);
  await buffer.committed(buffer.newestSeq);
  expect(buffer.stats()).toMatchObject({ pendingSamples: 0, bytes: 3 * MIB });
  buffer.reader('a').advance(buffer.newestSeq);
  expect(buffer.stats().bytes).toBe(3 * MIB);
  buffer.reader('b').advance(4);
  await vi.waitFor(() => expect(buffer.stats().bytes).toBe(2 * MIB));
  buffer.reader('b').advance(buffer.newestSeq);
  await vi.waitFor(() => expect(buffer.stats().bytes).toBe(MIB));
});

it('the limit goes before a reader, and its loss is counted as its own', async () => {
  const { buffer, logged } = await openBuffer(await tempDir(), { maxMiB: 4, readers: ['slow', 'quick'] });
  for (let i = 0; i < 30; i++) {
    await storeLarge(buffer, i, 300_000);
    await buffer.committed(buffer.newestSeq);
    buffer.reader('quick').advance(buffer.newestSeq);
  }
  const { bytes, droppedSamples, readers } = buffer.stats();
  expect(bytes).toBeLessThanOrEqual(4 * MIB);
  expect(droppedSamples).toBe(0);
  const slow = buffer.reader('slow');
  const left: number[] = [];
  for (let next = 1; ; ) {
    const record = await slow.read(next);
    if (!record) break;
    left.push(...valuesOf([record]));
    next = record.seq + 1;
  }
  expect(readers.map((reader) => reader.droppedSamples)).toEqual([60 - left.length * 2, 0]);
  expect(slow.droppedSamples).toBeGreaterThan(0);
  expect(logged.join()).toContain('before this reader had them');
});

it('two readers at different places do not disturb each other', async () => {
  const dir = await tempDir();
  const first = await openBuffer(dir);
  for (let i = 0; i < 30; i++) await storeLarge(first.buffer, i, 30_000);
  for (let i = 30; i < 36; i++) await storeLarge(first.buffer, i, 300_000);
  await first.buffer.close();
  const { buffer } = await openBuffer(dir, { readers: ['far'], tags: [] });
  const seen: number[] = [];
  for (let i = 2; i < 20; i++) {
    seen.push(...valuesOf([(await buffer.read(i))!]));
    await buffer.reader('far').read(buffer.newestSeq - 5);
  }
  expect(seen).toEqual(Array.from({ length: 18 }, (_, i) => i));
});

it('a reader that is no more holds nothing back and is forgotten', async () => {
  const dir = await tempDir();
  const first = await openBuffer(dir, { readers: ['gone'] });
  for (let i = 0; i < 9; i++) await storeLarge(first.buffer, i, 300_000);
  await first.buffer.committed(first.buffer.newestSeq);
  await first.buffer.close();
  expect(await filesOf(dir, 'cursor.gone')).toHaveLength(1);
  const { buffer } = await openBuffer(dir, { tags: [] });
  expect(buffer.stats()).toMatchObject({ bytes: MIB, readers: [] });
  expect(await filesOf(dir, 'cursor.gone')).toEqual([]);
  expect(() => buffer.reader('gone')).toThrow('no reader "gone"');
});
