/** Small files that must survive a power cut: the old content or the new one, never half of it. */
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces the content of `path`; resolves when that is on disk, and its name too. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const next = `${path}.new`;
  const file = await open(next, 'w', 0o640);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
