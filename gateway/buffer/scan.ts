/** Finds the sound records of a segment, and what is damaged between and behind them. */
import {
  checksumSeed,
  END_MARK,
  RECORD_HEADER,
  RECORD_MAGIC,
  type RecordHead,
  readRecordHead,
  SEGMENT_HEADER,
  type SegmentHead,
} from './format.ts';

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
  /** Number of records that the damage behind the last sound one may have held. */
  lostAtEnd: number;
}

const MAGIC = Buffer.alloc(4);
MAGIC.writeUInt32LE(RECORD_MAGIC);
const ZEROS = Buffer.alloc(END_MARK);

/**
 * Walks a segment up to the record before `endSeq`. After a damaged place it goes on at the next sound record,
 * found by its magic, so that a flipped bit costs one record and not all that follow.
 */
export function scanSegment(segment: Buffer, head: SegmentHead, endSeq = Number.POSITIVE_INFINITY): Scan {
  const seed = checksumSeed(head);
  const records: FoundRecord[] = [];
  const damaged: Scan['damaged'] = [];
  let at = SEGMENT_HEADER;
  let lastSeq = head.firstSeq - 1;
  while (true) {
    const found = nextRecord(segment, at, lastSeq, seed);
    if (!found || found.seq >= endSeq) break;
    if (found.at > at) damaged.push({ from: at, to: found.at });
    records.push(found);
    lastSeq = found.seq;
    at = found.at + RECORD_HEADER + found.payloadBytes;
  }
  // What a failed write left behind was written again as the next segment's first records.
  const complete = lastSeq + 1 >= endSeq;
  const to = complete ? at : damageEnd(segment, at);
  if (to > at) damaged.push({ from: at, to });
  return { records, end: at, damaged, lostAtEnd: to > at ? countMagic(segment.subarray(at + 1, to)) + 1 : 0 };
}

function nextRecord(segment: Buffer, from: number, lastSeq: number, seed: number): FoundRecord | null {
  for (let at = segment.indexOf(MAGIC, from); at >= 0; at = segment.indexOf(MAGIC, at + 1)) {
    const head = readRecordHead(segment, at, lastSeq, seed);
    if (head) return { ...head, at };
  }
  return null;
}

/** Where the end mark begins: at `at` in a sound segment, further on when the last record is damaged. */
function damageEnd(segment: Buffer, at: number): number {
  const rest = segment.subarray(at, at + END_MARK);
  if (rest.equals(ZEROS.subarray(0, rest.length))) return at;
  const mark = segment.indexOf(ZEROS, at);
  return mark < 0 ? segment.length : mark;
}

function countMagic(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(MAGIC); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) count++;
  return count;
}
