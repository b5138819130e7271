/**
 * A lane's folder, read by somebody who does not own it: nothing is changed, mended or kept open, so it may be done
 * while the gateway runs. What the gateway gives back or uses again meanwhile is passed over.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { CursorFile } from './cursor-file.ts';
import { RECORD_HEADER, readBirth, readSegmentHeader } from './format.ts';
import { type FoundRecord, type Scan, scanSegment } from './scan.ts';

const MIB = 1024 * 1024;
/** What a running gateway is writing is whole after so long. Milliseconds. */
const SETTLE_MS = 200;
const SETTLE_TIMES = 3;

export interface FolderSegment {
  file: string;
  path: string;
  firstSeq: number;
  /** First seq of the next segment; infinite for the newest. */
  endSeq: number;
  bytes: number;
}

export interface LaneFolder {
  dir: string;
  epoch: string;
  /** Oldest first. */
  segments: FolderSegment[];
  /** Files that are ready to be used again. */
  free: number;
  /** What was set aside because it was damaged. */
  bad: string[];
  /** Everything up to `seq` is done with: by the hub, and by each reader. */
  cursors: { name: string; seq: number }[];
}

export interface FoundSegment extends FolderSegment, Pick<Scan, 'records' | 'damaged' | 'end'> {
  content: Buffer;
  bornAt: number | null;
}

/** @throws LinesideError BUFFER_DIR_UNUSABLE when there is no such folder, or none of a buffer. */
export async function openLaneFolder(dir: string): Promise<LaneFolder> {
  let names: string[];
  let epoch: string;
  try {
    names = (await readdir(dir)).sort();
    epoch = (await readFile(join(dir, 'epoch'), 'latin1')).trim();
  } catch (cause) {
    throw new LinesideError('BUFFER_DIR_UNUSABLE', 'config', `${dir} is no buffer of a gateway, or cannot be read`, {
      cause,
    });
  }
  const files = names.filter((name) => /^\d{16}\.seg$/.test(name));
  const segments = await Promise.all(
    files.map(async (file, i) => ({
      file,
      path: join(dir, file),
      firstSeq: Number.parseInt(file, 10),
      endSeq: i + 1 < files.length ? Number.parseInt(files[i + 1]!, 10) : Number.POSITIVE_INFINITY,
      bytes: (await stat(join(dir, file)).catch(() => undefined))?.size ?? 0,
    })),
  );
  const cursorFiles = names.filter((name) => /^cursor(\.[a-z0-9-]+)?$/.test(name) && !name.endsWith('.new'));
  const cursors = await Promise.all(
    cursorFiles.map(async (name) => ({
      name: name === 'cursor' ? 'hub' : name.slice('cursor.'.length),
      seq: await new CursorFile(join(dir, name)).read(epoch),
    })),
  );
  return {
    dir,
    epoch,
    segments,
    free: names.filter((name) => name.endsWith('.free')).length,
    bad: names.filter((name) => name.endsWith('.bad')),
    cursors,
  };
}

/**
 * Reads and checks one segment. Undefined when the gateway has given it back meanwhile.
 *
 * @throws the file system's error when it is there and cannot be read
 */
export async function readSegment(folder: LaneFolder, segment: FolderSegment): Promise<FoundSegment | undefined> {
  for (let attempt = 0; ; attempt++) {
    const found = await readOnce(folder, segment);
    // Behind the last sound record of the newest segment, the next may just be coming into being.
    const mayGrow =
      found && segment.endSeq === Number.POSITIVE_INFINITY && found.damaged.some(({ from }) => from >= found.end);
    if (!mayGrow || attempt === SETTLE_TIMES) return found;
    await sleep(SETTLE_MS);
  }
}

async function readOnce(folder: LaneFolder, segment: FolderSegment): Promise<FoundSegment | undefined> {
  const { path, firstSeq, endSeq } = segment;
  let content: Buffer;
  try {
    const before = await stat(path);
    content = await readFile(path);
    const after = await stat(path);
    if (before.ino !== after.ino) return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const head = { epoch: folder.epoch, firstSeq };
  const { records, damaged, end } = scanSegment(content, head, endSeq);
  const header = readSegmentHeader(content);
  if (header?.epoch !== head.epoch || header.firstSeq !== firstSeq) damaged.unshift({ from: 0, to: 64 });
  if (content.length % MIB !== 0) damaged.push({ from: content.length, to: Math.ceil(content.length / MIB) * MIB });
  return { ...segment, content, records, damaged, end, bornAt: readBirth(content) };
}

export function payloadOf({ content }: FoundSegment, record: FoundRecord): Buffer {
  const start = record.at + RECORD_HEADER;
  return content.subarray(start, start + record.payloadBytes);
}

/** The lanes of a buffer's folder: samples, and what is urgent where there is such a folder. */
export async function openBufferFolder(dir: string): Promise<{ samples: LaneFolder; urgent: LaneFolder | null }> {
  const samples = await openLaneFolder(dir);
  const urgent = await openLaneFolder(join(dir, 'urgent')).catch(() => null);
  return { samples, urgent };
}

/** Where a place is, for people. */
export function placeName(segment: { path: string }, { from, to }: { from: number; to: number }): string {
  return `${basename(segment.path)}, bytes ${from} to ${to}`;
}
