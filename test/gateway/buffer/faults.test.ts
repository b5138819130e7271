/** Disks that break in other ways than being full: the fault has a name, nothing is doubled, and it heals by itself. */
import { execFileSync } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { GatewayBuffer } from '../../../gateway/buffer/buffer.ts';
import { mountable } from '../../services/small-disk.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { add, drain, dropsOf, filesOf, openBuffer, store, storeLarge, valuesOf } from './buffer-rig.ts';

const PATIENT = { timeout: 10_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

/** The next calls of a method of every open file fail. */
async function failing(method: 'datasync' | 'write' | 'read', code: string, times: number): Promise<void> {
  const handle = await open('/dev/null');
  const files = Object.getPrototypeOf(handle) as Record<string, () => Promise<unknown>>;
  await handle.close();
  const spy = vi.spyOn(files, method);
  for (let i = 0; i < times; i++)
    spy.mockRejectedValueOnce(Object.assign(new Error(`${code}: the disk says no`), { code }));
}

describe('a disk that says EIO', { timeout: 15_000 }, () => {
  it.each([
    ['at a write', 'write', (buffer: GatewayBuffer) => store(buffer, 3)],
    ['at the sync of a new file', 'datasync', (buffer: GatewayBuffer) => storeLarge(buffer, 3, 900_000)],
  ] as const)('%s: the record is written once, in another segment', async (_, method, fill) => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir, { commitIntervalMs: 5 });
    await store(buffer, 1);
    await storeLarge(buffer, 2, 200_000);
    await failing(method, 'EIO', 1);
    await expect(fill(buffer)).rejects.toThrow(/EIO/);
    expect(buffer.stats().fault).toContain('EIO');
    await vi.waitFor(
      () => expect(buffer.stats()).toMatchObject({ fault: '', pendingRecords: expect.any(Number) }),
      PATIENT,
    );
    await store(buffer, 4);
    expect(valuesOf(await drain(buffer))).toEqual([1, 2, 3, 4]);
    await buffer.close();
    expect(await filesOf(dir, '.seg')).toHaveLength(2);
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer))).toEqual([1, 2, 3, 4]);
    expect(again.buffer.stats().pendingSamples).toBe(buffer.stats().durableSamples);
  });

  it('while it is read: the file is set aside, told with its samples, and what stands behind it is read', async () => {
    const dir = await tempDir();
    const first = await openBuffer(dir);
    for (let i = 0; i < 8; i++) await storeLarge(first.buffer, i, 300_000);
    await first.buffer.close();
    const { buffer } = await openBuffer(dir, { tags: [] });
    await failing('read', 'EIO', 1);
    const left = valuesOf(await drain(buffer));
    expect(left).toEqual(Array.from({ length: left.length }, (_, i) => 8 - left.length + i));
    await buffer.flush();
    const { epoch } = buffer;
    expect(await dropsOf(buffer)).toMatchObject([
      { reason: 'damaged', epoch, fromSeq: 1, samples: (8 - left.length) * 2 },
    ]);
    expect(await filesOf(dir, '.seg.bad')).toHaveLength(1);
  });
});

describe('at the limit', () => {
  it('a file that cannot be read any more goes all the same, and is counted', async () => {
    const dir = await tempDir();
    const first = await openBuffer(dir, { maxMiB: 4 });
    for (let i = 0; i < 9; i++) await storeLarge(first.buffer, i, 300_000);
    await first.buffer.close();
    const [oldest] = await filesOf(dir, '.seg');
    await rm(join(dir, oldest!));
    await mkdir(join(dir, oldest!));
    const { buffer } = await openBuffer(dir, { maxMiB: 4 });
    for (let i = 9; i < 20; i++) await storeLarge(buffer, i, 300_000);
    const { fault, durableSamples, pendingSamples } = buffer.stats();
    expect(fault).toBe('');
    expect((await drain(buffer))[0]!.prev).toBe(0);
    await buffer.flush();
    const told = (await dropsOf(buffer)).reduce((sum, { samples }) => sum + samples, 0);
    expect(told + pendingSamples).toBe(durableSamples);
  });

  it('an urgent lane that cannot be read keeps nothing from starting', async () => {
    const dir = await tempDir();
    const first = await openBuffer(dir);
    await store(first.buffer, 1);
    first.buffer.addEvent({ kind: 'clock', at: 1, stepMs: 5 });
    await first.buffer.close();
    const [segment] = await filesOf(join(dir, 'urgent'), '.seg');
    await rm(join(dir, 'urgent', segment!));
    await mkdir(join(dir, 'urgent', segment!));
    const { buffer } = await openBuffer(dir, { tags: [] });
    await store(buffer, 2);
    buffer.addEvent({ kind: 'clock', at: 2, stepMs: 5 });
    await buffer.flush();
    expect(valuesOf(await drain(buffer))).toEqual([1, 2]);
    expect(await dropsOf(buffer)).toMatchObject([{ reason: 'damaged', epoch: buffer.urgent.epoch, fromSeq: 1 }]);
  });
});

describe.skipIf(!mountable)('a file system that becomes read-only', { timeout: 15_000 }, () => {
  it('makes samples and alarms wait, and takes them when it is mended', async () => {
    const [disk, dir] = [await tempDir(), await tempDir()];
    const mount = (...args: string[]) => void execFileSync('mount', [...args, dir], { stdio: 'pipe' });
    mount('--bind', disk);
    onTestFinished(() => void execFileSync('umount', ['--lazy', dir]));
    const { buffer } = await openBuffer(dir, { commitIntervalMs: 5 });
    await storeLarge(buffer, 0, 600_000);
    // A mount with files that are being written cannot be made read-only, but it can be replaced by one that is.
    execFileSync('umount', ['--lazy', dir]);
    mount('--bind', disk);
    mount('-o', 'remount,bind,ro');
    await expect(storeLarge(buffer, 1, 600_000)).rejects.toThrow(/EROFS|read-only/);
    add(buffer, 2);
    buffer.addEvent({ kind: 'clock', at: 1, stepMs: 5 });
    mount('-o', 'remount,bind,rw');
    await vi.waitFor(() => expect(buffer.stats()).toMatchObject({ fault: '', durableSamples: 5 }), PATIENT);
    expect(valuesOf(await drain(buffer))).toEqual([0, 1, 2]);
    await buffer.flush();
    expect(buffer.stats()).toMatchObject({ droppedSamples: 0, urgent: { pendingRecords: 1 } });
  });
});

describe('a directory that is removed', { timeout: 15_000 }, () => {
  it('is made anew with another epoch, and what went with it is told', async () => {
    const dir = join(await tempDir(), 'buffer');
    let reborn = 0;
    const { buffer, logged } = await openBuffer(dir, {
      commitIntervalMs: 5,
      rebirthMs: 100,
      onRebirth: () => reborn++,
    });
    const { epoch } = buffer;
    await store(buffer, 1, 2, 3);
    await buffer.committed(3);
    await rm(dir, { recursive: true });
    await vi.waitFor(async () => {
      add(buffer, 4);
      await buffer.flush().catch(() => undefined);
      expect(buffer.epoch).not.toBe(epoch);
    }, PATIENT);
    await vi.waitFor(() => expect(buffer.stats().fault).toBe(''), PATIENT);
    const told = async () => (await dropsOf(buffer)).filter(({ reason }) => reason === 'directoryRemoved');
    await vi.waitFor(async () => expect(await told()).toHaveLength(1), PATIENT);
    const [drop] = await told();
    expect(drop).toMatchObject({ epoch, fromSeq: 4 });
    const values = valuesOf(await drain(buffer));
    expect(new Set(values)).toEqual(new Set([4]));
    // Until somebody looked, the removed files went on taking samples; those are told as well.
    const { droppedSamples, durableSamples } = buffer.stats();
    expect(drop!.samples).toBe(droppedSamples);
    expect(durableSamples).toBe(values.length);
    expect(reborn).toBe(1);
    expect(buffer.committedSeq).toBe(0);
    expect(logged.join()).toContain('made anew');
    await buffer.close();
    const again = await openBuffer(dir, { tags: [] });
    expect(valuesOf(await drain(again.buffer))).toEqual(values);
  });
});
