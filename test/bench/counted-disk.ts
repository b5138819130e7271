/**
 * A small file system of its own, so that the bytes that reach its device are those of the measured program: a loop
 * device with ext4. It takes root and Linux; without them the whole disk's bytes are counted, other programs' included.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, realpath, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const MIB = 1024 * 1024;
const SECTOR = 512;

export interface CountedDisk {
  dir: string;
  /** Nothing but the measured program writes there. */
  own: boolean;
  /** Bytes written to the device since it is there; null where the system does not count. */
  written(): Promise<number | null>;
  close(): void;
}

export async function countedDisk(folder: string, mib: number): Promise<CountedDisk> {
  const dir = join(folder, 'disk');
  await mkdir(dir, { recursive: true });
  try {
    const image = join(folder, 'disk.img');
    await writeFile(image, '');
    await truncate(image, mib * MIB);
    run('mkfs.ext4', '-q', '-b', '4096', image);
    run('mount', '-o', 'loop,lazytime', image, dir);
    const device = await deviceOf(dir);
    return {
      ...{ dir, own: true },
      written: async () => {
        run('sync', '-f', dir);
        return sectorsOf(device);
      },
      close: () => void run('umount', '--lazy', dir),
    };
  } catch {
    const device = await deviceOf(dir).catch(() => '');
    return { dir, own: false, written: () => sectorsOf(device), close: () => undefined };
  }
}

/** Name of the block device below a folder. */
async function deviceOf(dir: string): Promise<string> {
  const source = run('df', '--output=source', dir).trim().split('\n').at(-1)!;
  return (await realpath(source)).replace('/dev/', '');
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' });
}

async function sectorsOf(device: string): Promise<number | null> {
  const text = await readFile(`/sys/class/block/${device}/stat`, 'utf8').catch(() => '');
  const sectors = text.trim().split(/\s+/)[6];
  return sectors === undefined ? null : Number(sectors) * SECTOR;
}
