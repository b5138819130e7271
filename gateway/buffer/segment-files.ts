/**
 * The buffer's files: `{first seq}.seg` in use, `{n}.free` ready to be used again, `epoch`. A file is zero-filled
 * once when it is born; after that it only changes its name and its content.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { readBirth, readSegmentHeader, SEGMENT_HEADER, type SegmentHead, writeSegmentHeader } from './format.ts';

/** Free files beyond this number are deleted, so that a long outage's space is given back. */
const KEEP_FREE = 2;

const EPOCH = /^[0-9a-f]{32}$/;

/**
 * Where a write can bring its own bytes to the disk, and no more of the file's metadata than fdatasync would (Linux,
 * open(2)): one call where two would wait for each other. Measured beside 0.2 ms of other work: 0.29 ms instead of 0.51.
 */
export const SYNCED_WRITES = process.platform === 'linux';
const APPENDING = SYNCED_WRITES ? constants.O_RDWR | constants.O_DSYNC : 'r+';

/** A segment that is to be written. Where `SYNCED_WRITES` is false, each write has to be synced. */
export function openForAppend(path: string): Promise<FileHandle> {
  return open(path, APPENDING);
}

export interface Segment {
  path: string;
  firstSeq: number;
}

export class SegmentFiles {
  readonly #dir: string;
  readonly #segmentBytes: number;
  #freeNames = 0;

  constructor(dir: string, segmentBytes: number) {
    this.#dir = dir;
    this.#segmentBytes = segmentBytes;
  }

  /**
   * Creates the directory where it is missing, and reads or creates its epoch. A lost epoch is taken from the
   * newest segment, because a new one would orphan all that the hub does not have yet.
   *
   * @throws LinesideError BUFFER_DIR_UNUSABLE when the directory cannot be made or read.
   */
  async openEpoch(): Promise<string> {
    const path = join(this.#dir, 'epoch');
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o750 });
      const known = await readFile(path, 'latin1').catch(emptyUnlessDenied);
      if (EPOCH.test(known.trim())) return known.trim();
      const epoch = (await this.#epochOfNewest()) ?? randomBytes(16).toString('hex');
      await this.#writeEpoch(path, epoch);
      return epoch;
    } catch (cause) {
      throw new LinesideError(
        'BUFFER_DIR_UNUSABLE',
        'config',
        `cannot use the buffer directory ${this.#dir}; give the gateway's user the right to write there`,
        { cause },
      );
    }
  }

  /**
   * Segments of this epoch, oldest first; those whose head is damaged are also in `headless`. Files that belong
   * to another epoch, or to nothing, are set aside.
   */
  async list(epoch: string): Promise<{ segments: Segment[]; headless: Segment[]; setAside: string[] }> {
    const segments: Segment[] = [];
    const headless: Segment[] = [];
    const setAside: string[] = [];
    for (const name of await readdir(this.#dir)) {
      if (name.endsWith('.free')) this.#freeNames = Math.max(this.#freeNames, Number.parseInt(name, 10) || 0);
      if (!name.endsWith('.seg')) continue;
      const segment = {
        path: join(this.#dir, name),
        firstSeq: /^\d{16}\.seg$/.test(name) ? Number.parseInt(name, 10) : 0,
      };
      const head = await readHead(segment.path);
      const foreign = head && (head.epoch !== epoch || head.firstSeq !== segment.firstSeq);
      if (foreign || segment.firstSeq < 1) setAside.push(await this.setAside(segment));
      else {
        segments.push(segment);
        if (!head) headless.push(segment);
      }
    }
    segments.sort((a, b) => a.firstSeq - b.firstSeq);
    return { segments, headless, setAside };
  }

  /** Whether the directory is there and is this epoch's. False only when that is sure. */
  async isThere(epoch: string): Promise<boolean> {
    try {
      return (await readFile(join(this.#dir, 'epoch'), 'latin1')).trim() === epoch;
    } catch (error) {
      return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    }
  }

  /** Renames a file that cannot be used, so that someone can look at it. Returns its new path. */
  async setAside(segment: Segment): Promise<string> {
    const path = `${segment.path}.bad`;
    await rename(segment.path, path);
    return path;
  }

  /** Writes a damaged head anew; what stands behind it stays. */
  async mendHead(epoch: string, segment: Segment, now: number): Promise<void> {
    const handle = await open(segment.path, 'r+');
    try {
      const header = writeSegmentHeader({ epoch, firstSeq: segment.firstSeq }, now);
      await handle.write(header, 0, SEGMENT_HEADER, 0);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  /** Makes a segment for records from `firstSeq` on: a free file where there is one, else a new one. */
  async create(epoch: string, firstSeq: number, now: number): Promise<{ segment: Segment; handle: FileHandle }> {
    const path = join(this.#dir, `${String(firstSeq).padStart(16, '0')}.seg`);
    const source = (await this.#freeFile()) ?? (await this.#newFile());
    const handle = await openForAppend(source);
    try {
      const header = writeSegmentHeader({ epoch, firstSeq }, now);
      await handle.write(header, 0, header.length, 0);
      await handle.datasync();
      await rename(source, path);
      await this.#syncDir();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { segment: { path, firstSeq }, handle };
  }

  /** Gives a segment's file back. */
  async release(segment: Segment): Promise<void> {
    const free = (await readdir(this.#dir)).filter((name) => name.endsWith('.free'));
    if (free.length >= KEEP_FREE) await rm(segment.path, { force: true });
    else await rename(segment.path, join(this.#dir, `${++this.#freeNames}.free`));
  }

  async #freeFile(): Promise<string | undefined> {
    const free = (await readdir(this.#dir)).filter((name) => name.endsWith('.free')).sort();
    for (const name of free) {
      const path = join(this.#dir, name);
      const handle = await open(path, 'r');
      const { size } = await handle.stat();
      await handle.close();
      if (size === this.#segmentBytes) return path;
      await rm(path, { force: true });
    }
    return undefined;
  }

  async #newFile(): Promise<string> {
    const { bavail, bsize } = await statfs(this.#dir);
    if (bavail * bsize < this.#segmentBytes) {
      // Asked first, because trying would wear the flash at each attempt and take the last bytes from others.
      throw new LinesideError(
        'DISK_FULL',
        'outside',
        `the disk has ${bavail * bsize} bytes left and the buffer needs ${this.#segmentBytes} more; free some space`,
      );
    }
    const path = join(this.#dir, 'new.tmp');
    const handle = await open(path, 'w', 0o640);
    try {
      const zeros = Buffer.alloc(1024 * 1024);
      for (let left = this.#segmentBytes; left > 0; ) {
        left -= (await handle.write(zeros, 0, Math.min(left, zeros.length))).bytesWritten;
      }
      await handle.sync();
      await handle.close();
    } catch (error) {
      await handle.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    return path;
  }

  async #epochOfNewest(): Promise<string | undefined> {
    const names = (await readdir(this.#dir)).filter((name) => name.endsWith('.seg')).sort();
    for (const name of names.reverse()) {
      const head = await readHead(join(this.#dir, name));
      if (head) return head.epoch;
    }
    return undefined;
  }

  async #writeEpoch(path: string, epoch: string): Promise<void> {
    const handle = await open(`${path}.new`, 'w', 0o640);
    try {
      await handle.writeFile(`${epoch}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${path}.new`, path);
    await this.#syncDir();
  }

  /** A rename is durable only when its directory is. */
  async #syncDir(): Promise<void> {
    const handle = await open(this.#dir, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

function emptyUnlessDenied(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES' || error.code === 'EPERM') throw error;
  return '';
}

/** The head of a segment file; null when it is damaged or cannot be read. */
async function readHead(path: string): Promise<SegmentHead | null> {
  return readSegmentHeader(await readHeadBytes(path));
}

/** When a segment was begun, milliseconds since 1970 UTC; null when it does not say. */
export async function bornAt(path: string): Promise<number | null> {
  return readBirth(await readHeadBytes(path));
}

/** The first bytes of a segment file; zeros when it cannot be read. */
async function readHeadBytes(path: string): Promise<Buffer> {
  const buffer = Buffer.alloc(SEGMENT_HEADER);
  try {
    const handle = await open(path, 'r');
    try {
      await handle.read(buffer, 0, SEGMENT_HEADER, 0);
    } finally {
      await handle.close();
    }
  } catch {
    return Buffer.alloc(SEGMENT_HEADER);
  }
  return buffer;
}
