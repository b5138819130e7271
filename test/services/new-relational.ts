/**
 * A new relational store without the 4 s that PostgreSQL's initdb takes: one is made, kept beside the installed
 * packages, and copied for each test that wants an empty one. A copy is not synced to disk, as a store that makes itself
 * is: it is for tests that kill programs, not for tests that cut the power.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import { MIGRATIONS } from '../../hub/store/postgres/migrate.ts';
import { openRelational } from '../../hub/store/postgres/relational.ts';
import { TEST_CACHE } from './test-cache.ts';

const HUB = fileURLToPath(new URL('../../hub', import.meta.url));
const CACHE = join(TEST_CACHE, 'relational');
/** One of another version is somebody's still for so long. */
const OLD_MS = 86_400_000;

/** Puts a new store, with all its tables and nothing in them, into `dataDir`, which must not be there yet. */
export async function newRelational(dataDir: string): Promise<void> {
  const template = join(CACHE, version());
  while (!existsSync(template)) await makeTemplate(template);
  cpSync(template, dataDir, { recursive: true });
}

/** Of all that a new store's files depend on; the package pins PGlite's version. */
function version(): string {
  const migrations = readdirSync(MIGRATIONS).map((name) => join(MIGRATIONS, name));
  const files = [join(HUB, 'package.json'), join(HUB, 'store/postgres/pglite-worker.ts'), ...migrations.sort()];
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

/** Makes the template, or waits a moment while another process does. */
async function makeTemplate(template: string): Promise<void> {
  const lock = new DirectoryLock(CACHE);
  try {
    await lock.acquire();
  } catch (error) {
    if (!(error instanceof LinesideError && error.code === 'STORE_LOCKED')) throw error;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return;
  }
  try {
    if (existsSync(template)) return;
    for (const name of readdirSync(CACHE)) {
      const path = join(CACHE, name);
      if (statSync(path).isDirectory() && Date.now() - statSync(path).mtimeMs > OLD_MS)
        await rm(path, { recursive: true });
    }
    const making = join(CACHE, 'making');
    await rm(making, { recursive: true, force: true });
    await (await openRelational({ dataDir: making })).close();
    await rename(making, template);
  } finally {
    await lock.release();
  }
}
