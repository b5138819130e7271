/** What is dear to make and the same in every run of the tests: made by the first that wants it, and kept. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import { TEST_CACHE } from './test-cache.ts';

/** One of another version is somebody's still for so long. */
const OLD_MS = 86_400_000;
const TRY_AGAIN_MS = 50;

/**
 * The folder of what is made, which is to be copied and left as it is.
 *
 * @param name what it is
 * @param from all files that it depends on, and other words
 * @param make makes a folder that is not there yet
 */
export async function madeOnce(
  name: string,
  from: { files: readonly string[]; words?: readonly string[] },
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const word of from.words ?? []) hash.update(word);
  for (const file of from.files) hash.update(readFileSync(file));
  const cache = join(TEST_CACHE, name);
  const made = join(cache, hash.digest('hex').slice(0, 16));
  while (!existsSync(made)) await makeAlone(cache, made, make);
  return made;
}

/** Makes it, or waits a moment while another process does. */
async function makeAlone(cache: string, made: string, make: (folder: string) => Promise<void>): Promise<void> {
  const lock = new DirectoryLock(cache);
  try {
    await lock.acquire();
  } catch (error) {
    if (!(error instanceof LinesideError && error.code === 'STORE_LOCKED')) throw error;
    await sleep(TRY_AGAIN_MS);
    return;
  }
  try {
    if (existsSync(made)) return;
    for (const entry of readdirSync(cache)) {
      const path = join(cache, entry);
      const stat = statSync(path);
      if (stat.isDirectory() && Date.now() - stat.mtimeMs > OLD_MS) await rm(path, { recursive: true });
    }
    const making = join(cache, 'making');
    await rm(making, { recursive: true, force: true });
    await make(making);
    await rename(making, made);
  } finally {
    await lock.release();
  }
}
