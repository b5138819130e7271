/** Finds the sound records of a segment, and what is damaged between and behind them. */
import { RECORD_HEADER, RECORD_MAGIC, type RecordHead, readRecordHead, SEGMENT_HEADER } from './format.ts';

export interface FoundRecord extends RecordHead {
  /** Where its header begins in the segment. */
  at: number;
}

export interface Scan {
  records: FoundRecord[];
  /** Where the next record may be written. */
  end: number;
  /** Byte ranges that hold neither a sound record nor what an earlier use of the file left behind. */
  damaged: { from: number; to: number }[];
}

/**
 * Walks a segment. After a damaged place it goes on at the next sound record, found by its magic, so that a
 * flipped bit costs one record and not all that follow.
 */
export function scanSegment(segment: Buffer, firstSeq: number): Scan {
  const records: FoundRecord[] = [];
  const damaged: Scan['damaged'] = [];
  let at = SEGMENT_HEADER;
  let lastSeq = firstSeq - 1;
  while (true) {
    const head = readRecordHead(segment, at, firstSeq);
    if (head && head.seq > lastSeq) {
      records.push({ ...head, at });
      lastSeq = head.seq;
      at += RECORD_HEADER + head.payloadBytes;
      continue;
    }
    const next = nextRecord(segment, at + 1, firstSeq, lastSeq);
    if (next < 0) break;
    damaged.push({ from: at, to: next });
    at = next;
  }
  const torn = tornTail(segment, at, firstSeq);
  if (torn > at) damaged.push({ from: at, to: torn });
  return { records, end: at, damaged };
}

function nextRecord(segment: Buffer, from: number, firstSeq: number, lastSeq: number): number {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(RECORD_MAGIC);
  for (let at = segment.indexOf(magic, from); at >= 0; at = segment.indexOf(magic, at + 1)) {
    const head = readRecordHead(segment, at, firstSeq);
    if (head && head.seq > lastSeq) return at;
  }
  return -1;
}

/**
 * Where a record of this segment was begun but not finished, the end of its announced bytes; else `at`. A tail
 * of zeros or of an earlier use is no damage.
 */
function tornTail(segment: Buffer, at: number, firstSeq: number): number {
  if (at + RECORD_HEADER > segment.length || segment.readUInt32LE(at) !== RECORD_MAGIC) return at;
  if (segment.readUInt32LE(at + 32) !== firstSeq >>> 0) return at;
  return Math.min(segment.length, at + RECORD_HEADER + segment.readUInt32LE(at + 4));
}
