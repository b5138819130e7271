/** Finds the sound records of a segment, and what is damaged between and behind them. */
import {
  checksumSeed,
  END_MARK,
  looksNext,
  PAGE,
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
const PAGE_OF_ZEROS = Buffer.alloc(PAGE);

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
    if (found.at > at && !isPadding(segment, at, found, lastSeq)) damaged.push({ from: at, to: found.at });
    records.push(found);
    lastSeq = found.seq;
    at = found.at + RECORD_HEADER + found.payloadBytes;
  }
  // What a failed write left behind was written again as the next segment's first records.
  const complete = lastSeq + 1 >= endSeq;
  const atEnd = complete ? null : damageAtEnd(segment, at, records.at(-1));
  if (!atEnd) return { records, end: at, damaged, lostAtEnd: 0 };
  damaged.push(atEnd);
  return { records, end: at, damaged, lostAtEnd: countMagic(segment.subarray(atEnd.from + 1, atEnd.to)) + 1 };
}

function nextRecord(segment: Buffer, from: number, lastSeq: number, seed: number): FoundRecord | null {
  for (let at = segment.indexOf(MAGIC, from); at >= 0; at = segment.indexOf(MAGIC, at + 1)) {
    const head = readRecordHead(segment, at, lastSeq, seed);
    if (head) return { ...head, at };
  }
  return null;
}

/** A record that begins on a new page, right behind the one before it: see PAGE. */
function isPadding(segment: Buffer, from: number, found: FoundRecord, lastSeq: number): boolean {
  const isNext = found.seq === lastSeq + 1 && found.at % PAGE === 0 && found.at - from < PAGE;
  return isNext && segment.subarray(from, found.at).equals(PAGE_OF_ZEROS.subarray(0, found.at - from));
}

/** What is damaged behind the last sound record, which ends at `at`; null when the log just ends there. */
function damageAtEnd(
  segment: Buffer,
  at: number,
  last: FoundRecord | undefined,
): { from: number; to: number } | null {
  const rest = segment.subarray(at, at + END_MARK);
  let from = at;
  if (rest.equals(ZEROS.subarray(0, rest.length))) {
    // On the next page may have been another record, or what an earlier use of the file left.
    from = Math.ceil(at / PAGE) * PAGE;
    if (from === at || !last || !looksNext(segment, from, last)) return null;
  }
  const mark = segment.indexOf(ZEROS, from);
  return { from, to: mark < 0 ? segment.length : mark };
}

function countMagic(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(MAGIC); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) count++;
  return count;
}
