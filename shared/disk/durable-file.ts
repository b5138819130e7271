/** Small files that must survive a power cut: the old content or the new one, never half of it. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { giveToOwnerOf } from './owner.ts';

export interface DurableFileOptions {
  /** Exactly these rights, before there is anything to read: for secrets. Without it 0640, less the umask. */
  mode?: number;
  /** It belongs to whom this folder belongs to, also when root writes it. */
  ownerOf?: string;
}

/** Replaces the content of `path`; resolves when that is on disk, and its name too. */
export async function writeDurably(
  path: string,
  content: string,
  { mode, ownerOf }: DurableFileOptions = {},
): Promise<void> {
  const next = `${path}.new`;
  // What an earlier try has left may have other rights, and be open to others.
  if (mode !== undefined) await rm(next, { force: true });
  const file = await open(next, mode === undefined ? 'w' : 'wx', mode ?? 0o640);
  try {
    if (mode !== undefined) await file.chmod(mode);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  if (ownerOf !== undefined) giveToOwnerOf(ownerOf, next);
  await rename(next, path);
  await syncToDisk(dirname(path));
}

/** Resolves when a file is on disk, or the names in a folder are. */
export async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
