/**
 * A new relational store without the 4 s that PostgreSQL's initdb takes: one is made, kept beside the installed
 * packages, and copied for each test that wants an empty one. A copy is not synced to disk, as a store that makes itself
 * is: it is for tests that kill programs, not for tests that cut the power.
 */
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MIGRATIONS } from '../../hub/store/postgres/migrate.ts';
import { openRelational } from '../../hub/store/postgres/relational.ts';
import { madeOnce } from './made-once.ts';

const HUB = fileURLToPath(new URL('../../hub', import.meta.url));

/** Puts a new store, with all its tables and nothing in them, into `dataDir`, which must not be there yet. */
export async function newRelational(dataDir: string): Promise<void> {
  const migrations = readdirSync(MIGRATIONS).map((name) => join(MIGRATIONS, name));
  // The package pins PGlite's version.
  const files = [join(HUB, 'package.json'), join(HUB, 'store/postgres/pglite-worker.ts'), ...migrations.sort()];
  const template = await madeOnce('relational', { files }, async (folder) => {
    await (await openRelational({ dataDir: folder })).close();
  });
  cpSync(template, dataDir, { recursive: true });
}
