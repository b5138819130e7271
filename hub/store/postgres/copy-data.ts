/**
 * Copies PGlite's files while it is used, in two passes: the first takes them as they come, the second, in the worker
 * and so with nothing else going on, takes those again that have changed. What waits is waiting for the second only.
 */
import { constants, copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How a file was when its copy began. */
export interface Copied {
  path: string;
  size: number;
  mtimeMs: number;
  /** When its copy began, milliseconds since 1970 UTC by this machine's clock. */
  at: number;
}

/** The log is taken in the second pass, as much of it as is needed. */
const LOG = 'pg_wal';
/** A file that changed so shortly before its copy may have changed again without a newer time. Milliseconds. */
const DOUBT_MS = 2_000;
const CLONE = constants.COPYFILE_FICLONE;

/** The first pass. A file that goes away meanwhile is left out; the second pass knows. */
export async function copyAhead(from: string, to: string, below = ''): Promise<Copied[]> {
  await mkdir(join(to, below), { recursive: true, mode: 0o700 });
  const copied: Copied[] = [];
  for (const entry of await readdir(join(from, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (path === LOG) continue;
    if (entry.isDirectory()) copied.push(...(await copyAhead(from, to, path)));
    else if (entry.isFile()) {
      try {
        const { size, mtimeMs } = await stat(join(from, path));
        const at = Date.now();
        await copyFile(join(from, path), join(to, path), CLONE);
        copied.push({ path, size, mtimeMs, at });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }
  return copied;
}

/**
 * The second pass: afterwards `to` is what `from` is. Nothing may write to `from` meanwhile.
 *
 * @param log the first and the last file of the write-ahead log that are needed
 */
export function copyRest(from: string, to: string, ahead: Copied[], log: { first: string; last: string }): void {
  const known = new Map(ahead.map((file) => [file.path, file]));
  const left = new Set(known.keys());
  const walk = (below: string) => {
    mkdirSync(join(to, below), { recursive: true, mode: 0o700 });
    for (const entry of readdirSync(join(from, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (entry.isDirectory()) walk(path);
      if (!entry.isFile()) continue;
      left.delete(path);
      if (below === LOG && (entry.name < log.first || entry.name > log.last)) continue;
      const before = known.get(path);
      const { size, mtimeMs } = statSync(join(from, path));
      const same = before?.size === size && before.mtimeMs === mtimeMs && before.at - mtimeMs > DOUBT_MS;
      if (!same) copyFileSync(join(from, path), join(to, path), CLONE);
    }
  };
  walk('');
  for (const path of left) rmSync(join(to, path), { force: true });
}
