/** Reads segment files, and keeps what is damaged in them aside, so that nothing is thrown away unseen. */
import { access, open, stat, writeFile } from 'node:fs/promises';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { RECORD_HEADER } from './format.ts';
import { type FoundRecord, scanSegment } from './scan.ts';
import type { Segment } from './segment-files.ts';

export interface LoadedSegment extends Segment {
  /** Undefined where only the records' places are kept. */
  readonly bytes: Buffer | undefined;
  records: FoundRecord[];
  /** Where the next record may be written. */
  end: number;
  /** Number of records that the damage behind the last sound one may have held. */
  lostAtEnd: number;
}

export interface LoadRequest extends Segment {
  epoch: string;
  /** First seq of the next segment. */
  endSeq: number;
  /** Where the records end, in the segment that is being written: behind it one may just be coming into being. */
  knownEnd: number | undefined;
  /** False once the segment has been given back: its file may have another content already. */
  stillThere(): boolean;
}

/** Records that are not there any more although nobody gave them up. */
export interface Damage {
  fromSeq: number;
  toSeq: number;
  /** 0 where it cannot be told. */
  samples: number;
  /** When the records around it were appended; null where there is none. */
  fromAt: number | null;
  toAt: number | null;
}

const MIB = 1024 * 1024;

export class SegmentLoader {
  readonly #log: Logger;
  readonly #onDamage: (damage: Damage) => Promise<void>;
  damagedPlaces = 0;

  /** `onDamage` is called before a damaged place counts as seen, and perhaps again after a crash. */
  constructor(log: Logger, onDamage: (damage: Damage) => Promise<void>) {
    this.#log = log;
    this.#onDamage = onDamage;
  }

  /** Rejects with the file system's error when the file cannot be read. */
  async load(request: LoadRequest): Promise<LoadedSegment> {
    const { path, firstSeq, epoch, endSeq, knownEnd } = request;
    const bytes = await readUpTo(path, knownEnd ?? Number.POSITIVE_INFINITY);
    const { records, end, damaged, lostAtEnd } = scanSegment(bytes, { epoch, firstSeq }, endSeq);
    // Files are whole MiB. One that was cut short may have held any number of records.
    const missing = knownEnd === undefined && bytes.length % MIB !== 0 ? Math.floor((16 * MIB) / RECORD_HEADER) : 0;
    const atEnd = damaged.at(-1);
    // Cut between two records, it shows no other damage than its length.
    if (missing > 0 && (!atEnd || atEnd.from < end)) damaged.push({ from: bytes.length, to: bytes.length });
    if (request.stillThere()) {
      for (const place of damaged) {
        await this.keepAside(path, bytes, place, damageAt(place, records, request, lostAtEnd + missing));
      }
    }
    return { path, firstSeq, bytes, records, end, lostAtEnd: lostAtEnd + missing };
  }

  /** Copies a damaged place to a file of its own, once. `damage` is what it has cost. */
  async keepAside(
    path: string,
    bytes: Buffer,
    place: { from: number; to: number },
    damage: Damage | null,
  ): Promise<void> {
    const aside = await asideOf(path, place);
    try {
      if (damage && !(await exists(aside))) await this.#onDamage(damage);
      await writeFile(aside, bytes.subarray(place.from, place.to), { mode: 0o640, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      this.#log.warn({ aside, error: messageOf(error) }, 'could not keep a damaged place of the buffer');
    }
    this.report(aside, `damaged place in the buffer set aside: bytes ${place.from} to ${place.to} of ${path}`);
  }

  /** A whole file has gone. */
  async lostFile(path: string, what: string, damage: Damage | null): Promise<void> {
    if (damage) await this.#onDamage(damage);
    this.report(path, what);
  }

  report(path: string, what: string): void {
    this.damagedPlaces++;
    this.#log.error({ path }, what);
  }
}

/** Which records a damaged place has cost; null when there were none in it. */
function damageAt(
  place: { from: number; to: number },
  records: FoundRecord[],
  { firstSeq, endSeq }: LoadRequest,
  lostAtEnd: number,
): Damage | null {
  const before = records.findLast(({ at }) => at < place.from);
  const after = records.find(({ at }) => at >= place.to);
  const last = before?.seq ?? firstSeq - 1;
  const toSeq = after ? after.seq - 1 : Number.isFinite(endSeq) ? endSeq - 1 : last + lostAtEnd;
  if (toSeq <= last) return null;
  // Nothing came before the first record of an epoch.
  const total = before?.totalSamples ?? (firstSeq === 1 ? 0 : null);
  return {
    fromSeq: last + 1,
    toSeq,
    samples: after && total !== null ? after.totalSamples - after.samples - total : 0,
    fromAt: before?.appendedAt ?? null,
    toAt: after?.appendedAt ?? null,
  };
}

/** A place that was found before and has grown since is another one: more was damaged right behind it. */
async function asideOf(path: string, { from, to }: { from: number; to: number }): Promise<string> {
  const aside = `${path}.${from}.bad`;
  const known = await stat(aside).catch(() => undefined);
  return known && known.size !== to - from ? `${path}.${from}.${to}.bad` : aside;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function readUpTo(path: string, limit: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.allocUnsafe(Math.min(size, limit));
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}
