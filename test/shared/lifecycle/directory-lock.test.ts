import { readdir, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import { expect, test } from 'vitest';
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
