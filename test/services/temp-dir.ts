/** A folder of its own for a test, removed when the test is over. */
import { mkdtempSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** To be called within a test. Returns the folder's absolute path. */
export async function tempDir(prefix = 'lineside-'): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), prefix));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** To be called outside of tests: one for all tests of a file, removed after them. */
export function tempDirOfFile(prefix = 'lineside-'): string {
  const dir = mkdtempSync(join(tmpdir(), prefix));
  afterAll(() => rm(dir, { recursive: true, force: true }));
  return dir;
}
