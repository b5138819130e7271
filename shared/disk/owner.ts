/** What root writes by a command into a daemon's folder has to be the daemon's. */
import { chownSync, statSync } from 'node:fs';

/** Gives `paths` to whoever owns `folder`, when this is root and that is somebody else. */
export function giveToOwnerOf(folder: string, ...paths: string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  if (uid === 0) return;
  for (const path of paths) chownSync(path, uid, gid);
}
