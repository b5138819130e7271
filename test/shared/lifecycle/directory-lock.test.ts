import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import { expect, onTestFinished, test, vi } from 'vitest';
import { mountable, SmallDisk } from '../../services/small-disk.ts';
import { tempDir } from '../../services/temp-dir.ts';

async function acquireAndRelease(directory: string): Promise<void> {
  const lock = new DirectoryLock(directory);
  await lock.acquire();
  await lock.release();
}

test('a lock that another host has left is taken over when nobody has touched it for long', async () => {
  const directory = await tempDir();
  const file = join(directory, 'lock');
  await writeFile(file, JSON.stringify({ pid: 1, host: 'gone', started: '1' }));
  await expect(acquireAndRelease(directory)).rejects.toThrow('PID 1 on gone');
  const long = new Date(Date.now() - 3_600_000);
  await utimes(file, long, long);
  await acquireAndRelease(directory);
  expect(await readdir(directory)).toEqual([]);
});

test.each([
  ['whose process id was given out again', JSON.stringify({ pid: process.pid, host: hostname(), started: '1' })],
  ['that is empty', ''],
  ['that was cut off while it was written', '{"pid"'],
])('a lock is taken over %s', async (_which, text) => {
  const directory = await tempDir();
  await writeFile(join(directory, 'lock'), text);
  await acquireAndRelease(directory);
  expect(await readdir(directory)).toEqual([]);
});

test('a lock is taken over from a process that was killed, also when nobody has asked how it ended', async () => {
  const directory = await tempDir();
  // The one that holds it is the child of a program that never asks.
  const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void parent.kill());
  const [told] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(told.toString());
  onTestFinished(() => void process.kill(pid, 'SIGKILL'));
  const fields = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
  await writeFile(join(directory, 'lock'), JSON.stringify({ pid, host: hostname(), started: fields()[21] }));
  await expect(acquireAndRelease(directory)).rejects.toThrow(`PID ${pid}.`);
  process.kill(pid, 'SIGKILL');
  await vi.waitFor(() => expect(fields()[2]).toBe('Z'), { timeout: 10_000, interval: 5 });
  await acquireAndRelease(directory);
  expect(await readdir(directory)).toEqual([]);
});

test.skipIf(!mountable)(
  'on a full disk a lock holds, and is taken over when its holder is gone (mount)',
  async () => {
    const disk = new SmallDisk(await tempDir(), 1);
    onTestFinished(() => disk.unmount());
    disk.fill();
    const lock = new DirectoryLock(disk.dir);
    await lock.acquire();
    await expect(acquireAndRelease(disk.dir)).rejects.toThrow(`PID ${process.pid}.`);
    await lock.release();
    expect(await readdir(disk.dir)).toEqual(['ballast']);
    await symlink(`${process.pid} 1 ${hostname()}`, join(disk.dir, 'lock'));
    await acquireAndRelease(disk.dir);
    expect(await readdir(disk.dir)).toEqual(['ballast']);
  },
);
