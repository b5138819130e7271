/** A disk that is full, gone or broken: samples wait in memory, the fault has a name, and it heals by itself. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { mountable, SmallDisk } from '../../services/small-disk.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { add, drain, dropsOf, filesOf, openBuffer, store, storeLarge, urgentOf, valuesOf } from './buffer-rig.ts';

async function smallDisk(mib: number): Promise<string> {
  const disk = new SmallDisk(await tempDir(), mib);
  onTestFinished(() => disk.unmount());
  return disk.dir;
}

describe.skipIf(!mountable)('a full disk', { timeout: 15_000 }, () => {
  it('makes samples wait, names the fault, and takes them in order when there is space', async () => {
    const dir = await smallDisk(7);
    await writeFile(join(dir, 'ballast'), Buffer.alloc(4.5 * 1024 * 1024));
    const { buffer, logged } = await openBuffer(join(dir, 'buffer'), { commitIntervalMs: 5 });
    await store(buffer, 0);
    await storeLarge(buffer, 1, 700_000);
    for (let i = 2; i < 5; i++)
      await expect(storeLarge(buffer, i, 700_000)).rejects.toThrow(/disk has \d+ bytes left/);
    add(buffer, 5);
    expect(buffer.stats()).toMatchObject({ durableSamples: 3, pendingSamples: 3, droppedSamples: 0 });
    expect(buffer.stats().fault).toContain(join(dir, 'buffer'));
    expect(logged.filter((line) => line.includes('cannot write'))).toHaveLength(1);
    expect(await filesOf(join(dir, 'buffer'), '.tmp')).toEqual([]);
    await rm(join(dir, 'ballast'));
    await vi.waitFor(() => expect(buffer.stats()).toMatchObject({ fault: '', durableSamples: 10 }), 10_000);
    expect(valuesOf(await drain(buffer))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(logged.join()).toContain('writes again');
  });

  it('from the start on is a fault, not a crash', async () => {
    const dir = await smallDisk(4);
    await writeFile(join(dir, 'ballast'), Buffer.alloc(3.5 * 1024 * 1024));
    const { buffer } = await openBuffer(join(dir, 'buffer'), { commitIntervalMs: 5 });
    add(buffer, 1);
    await vi.waitFor(() => expect(buffer.stats().fault).toContain('free some space'));
    await rm(join(dir, 'ballast'));
    await vi.waitFor(() => expect(buffer.stats()).toMatchObject({ fault: '', pendingSamples: 1 }), 10_000);
  });
});

describe('a directory that goes away', { timeout: 15_000 }, () => {
  async function away() {
    const parent = await tempDir();
    const dir = join(parent, 'buffer');
    const rig = await openBuffer(dir, { commitIntervalMs: 5 });
    await store(rig.buffer, 0);
    await storeLarge(rig.buffer, 1, 600_000);
    await rename(dir, join(parent, 'gone'));
    return { ...rig, dir, comeBack: () => rename(join(parent, 'gone'), dir) };
  }

  it('and comes back has lost nothing', async () => {
    const { buffer, dir, comeBack } = await away();
    await expect(storeLarge(buffer, 2, 600_000)).rejects.toThrow(dir);
    add(buffer, 3);
    await comeBack();
    await vi.waitFor(() => expect(buffer.stats()).toMatchObject({ fault: '', durableSamples: 6 }), 10_000);
    expect(valuesOf(await drain(buffer))).toEqual([0, 1, 2, 3]);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer))).toEqual([0, 1, 2, 3]);
    expect(again.buffer.stats()).toMatchObject({ pendingSamples: 6, damagedPlaces: 0 });
  });

  it('fills the memory up to its bound, and counts every sample beyond it', async () => {
    const { buffer, comeBack } = await away();
    await expect(storeLarge(buffer, 2, 600_000)).rejects.toThrow();
    const tags = new Array<number>(1_000).fill(1);
    const frame = (i: number) => ({
      device: 'press',
      receivedAt: i,
      tags,
      sourceAt: new Array(1_000).fill(i),
      values: tags,
      quality: new Array(1_000).fill(0),
    });
    for (let i = 0; i < 600; i++) buffer.addFrame(frame(i));
    const { droppedSamples } = buffer.stats();
    expect(droppedSamples).toBe(101_000);
    await comeBack();
    await vi.waitFor(() => expect(buffer.stats().fault).toBe(''), 10_000);
    await vi.waitFor(() => expect(buffer.stats().durableSamples).toBe(3 + 2 + 499_000), 10_000);
    add(buffer, 5);
    await buffer.flush();
    expect(buffer.stats()).toMatchObject({ droppedSamples, durableSamples: 499_006, pendingSamples: 499_006 });
  });

  it('bounds texts and alarms by their bytes, and tells how many alarms were lost', async () => {
    const { buffer, dir, comeBack } = await away();
    await expect(storeLarge(buffer, 2, 600_000)).rejects.toThrow();
    const text = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 80; i++) {
      buffer.addFrame({ device: 'press', receivedAt: i, tags: [2], sourceAt: [i], values: [text], quality: [0] });
    }
    const { droppedSamples } = buffer.stats();
    expect(droppedSamples).toBeGreaterThan(40);
    expect(droppedSamples).toBeLessThan(55);
    const alarm = {
      occurrence: 'o',
      rule: 'r',
      device: 'press',
      tag: 1,
      transition: 'raised',
      state: 'unacknowledged',
      at: 1,
      priority: 'high',
      message: text,
      value: 1,
      limit: 1,
      unit: '',
      by: '',
      comment: '',
    } as const;
    for (let i = 0; i < 80; i++) buffer.addAlarm(alarm);
    const { droppedAlarms } = buffer.stats();
    expect(droppedAlarms).toBeGreaterThan(40);
    expect(droppedAlarms).toBeLessThan(55);
    await comeBack();
    await vi.waitFor(() => expect(buffer.stats().fault).toBe(''), 10_000);
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect((await urgentOf(again.buffer)).alarms).toHaveLength(80 - droppedAlarms);
    expect(await dropsOf(again.buffer)).toContainEqual(
      expect.objectContaining({ reason: 'alarmsLost', samples: 0, alarms: droppedAlarms }),
    );
  });

  it('at the end is said with the number of samples that are lost', async () => {
    const { buffer, logged } = await away();
    await expect(storeLarge(buffer, 2, 600_000)).rejects.toThrow();
    await buffer.close();
    expect(logged.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ msg: 'samples lost at the end', samples: 2 }),
    );
  });

  it('does not disturb what the hub says', async () => {
    const parent = await tempDir();
    const dir = join(parent, 'buffer');
    const { buffer, logged } = await openBuffer(dir);
    for (let i = 0; i < 8; i++) await storeLarge(buffer, i, 300_000);
    await rename(dir, join(parent, 'gone'));
    await buffer.committed(buffer.newestSeq - 1);
    expect(buffer.stats()).toMatchObject({ pendingSamples: 2, pendingRecords: 1 });
    expect(logged.join()).toContain('could not follow');
    await rename(join(parent, 'gone'), dir);
    await buffer.committed(buffer.newestSeq);
    expect(buffer.stats()).toMatchObject({ pendingSamples: 0, bytes: 1024 * 1024 });
  });
});
