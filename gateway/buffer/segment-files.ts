/**
 * The buffer's files: `{first seq}.seg` in use, `{n}.free` ready to be used again, `epoch`. A file is zero-filled
 * once when it is born; after that it only changes its name and its content.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readSegmentHeader, SEGMENT_HEADER, writeSegmentHeader } from './format.ts';

/** Free files beyond this number are deleted, so that a long outage's space is given back. */
const KEEP_FREE = 2;

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

  /** Creates the directory where it is missing, and reads or creates its epoch. */
  async openEpoch(): Promise<string> {
    await mkdir(this.#dir, { recursive: true, mode: 0o750 });
    const path = join(this.#dir, 'epoch');
    const known = await readFile(path, 'utf8').catch(() => '');
    if (/^[0-9a-f]{32}$/.test(known.trim())) return known.trim();
    const epoch = randomBytes(16).toString('hex');
    const handle = await open(`${path}.new`, 'w', 0o640);
    await handle.writeFile(`${epoch}\n`);
    await handle.sync();
    await handle.close();
    await rename(`${path}.new`, path);
    await this.#syncDir();
    return epoch;
  }

  /** Segments of this epoch, oldest first. Files of another epoch or with a damaged head are set aside. */
  async list(epoch: string): Promise<{ segments: Segment[]; setAside: string[] }> {
    const segments: Segment[] = [];
    const setAside: string[] = [];
    for (const name of await readdir(this.#dir)) {
      const path = join(this.#dir, name);
      if (name.endsWith('.free')) this.#freeNames = Math.max(this.#freeNames, Number.parseInt(name, 10) || 0);
      if (!name.endsWith('.seg')) continue;
      const head = await readHead(path);
      if (head && head.epoch === epoch) segments.push({ path, firstSeq: head.firstSeq });
      else {
        await rename(path, `${path}.damaged`);
        setAside.push(`${path}.damaged`);
      }
    }
    segments.sort((a, b) => a.firstSeq - b.firstSeq);
    return { segments, setAside };
  }

  /** Makes a segment for records from `firstSeq` on: a free file where there is one, else a new one. */
  async create(epoch: string, firstSeq: number, now: number): Promise<{ segment: Segment; handle: FileHandle }> {
    const path = join(this.#dir, `${String(firstSeq).padStart(16, '0')}.seg`);
    const source = await this.#freeFile();
    const handle = await open(source, 'r+');
    try {
      const header = writeSegmentHeader({ epoch, firstSeq }, now);
      await handle.write(header, 0, SEGMENT_HEADER, 0);
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

  async #freeFile(): Promise<string> {
    const free = (await readdir(this.#dir)).filter((name) => name.endsWith('.free')).sort();
    for (const name of free) {
      const path = join(this.#dir, name);
      const handle = await open(path, 'r');
      const { size } = await handle.stat();
      await handle.close();
      if (size === this.#segmentBytes) return path;
      await rm(path, { force: true });
    }
    const path = join(this.#dir, 'new.tmp');
    const handle = await open(path, 'w', 0o640);
    try {
      const zeros = Buffer.alloc(1024 * 1024);
      for (let left = this.#segmentBytes; left > 0; left -= zeros.length) {
        await handle.write(zeros, 0, Math.min(left, zeros.length));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    return path;
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

async function readHead(path: string) {
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(SEGMENT_HEADER);
    await handle.read(buffer, 0, SEGMENT_HEADER, 0);
    return readSegmentHeader(buffer);
  } finally {
    await handle.close();
  }
}
