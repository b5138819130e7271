/** A file system of a few MiB in memory that can be filled up: what a full disk is to the programs on it. */
import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Whether this machine lets us mount file systems of our own. */
export const mountable = mayMount();

const mounted = new Set<string>();
process.on('exit', () => {
  for (const dir of mounted) execFileSync('umount', ['--lazy', dir], { stdio: 'ignore' });
});

const CHUNK = Buffer.alloc(64 * 1024);

export class SmallDisk {
  readonly dir: string;
  readonly #ballast: string;

  /** @param dir is made when it is not there; mounted over it are so many MiB */
  constructor(dir: string, mib: number) {
    mkdirSync(dir, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', dir]);
    mounted.add(dir);
    this.dir = dir;
    this.#ballast = join(dir, 'ballast');
  }

  /** @param left so many bytes stay free, about */
  fill(left = 0): void {
    const file = openSync(this.#ballast, 'a');
    try {
      for (let size = CHUNK.length; size > 0; ) {
        try {
          writeSync(file, CHUNK, 0, size);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          size = Math.floor(size / 16);
        }
      }
      ftruncateSync(file, Math.max(0, fstatSync(file).size - left));
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  unmount(): void {
    mounted.delete(this.dir);
    execFileSync('umount', ['--lazy', this.dir]);
  }
}

function mayMount(): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
