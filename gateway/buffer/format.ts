/**
 * The buffer on disk: segment files of one size, filled once with zeros and then used again and again, because
 * fdatasync of a file that neither grows nor changes its extents writes no metadata (a third of the flash wear).
 * docs/buffer-format.md tells the whole of it.
 *
 * Segment header, 64 bytes:
 *   0 magic "LSEG", 4 version u32, 8 epoch 16 bytes, 24 first seq u64, 32 created ms u64, 40 crc32 of 0..40
 * Record: header of 40 bytes, then the payload (a Batch, compressed), then an end mark of 40 zero bytes that the
 * next record overwrites:
 *   0 magic "LREC", 4 payload bytes u32, 8 seq u64, 16 samples in all records up to here u64,
 *   24 appended ms u64, 32 samples of this record u32, 36 crc32
 * The crc32 goes over the segment's epoch and first seq, bytes 0..36 and the payload. So a record is sound only in
 * the use of the file that it was written for: what an earlier use left behind the new records never comes back.
 * All integers little-endian.
 */
import { crc32 } from 'node:zlib';

export const SEGMENT_HEADER = 64;
export const RECORD_HEADER = 40;
const VERSION = 1;

/** Zero bytes behind the last record: what is there instead, in an open log, is damage. */
export const END_MARK = 40;

/**
 * What file systems write at least. The page in which a record ends is written again with the next one; so that one
 * begins on a new page where this saves a page, and zeros fill the place between.
 */
export const PAGE = 4096;

const SEGMENT_MAGIC = 0x4745_534c;
export const RECORD_MAGIC = 0x4345_524c;

export interface SegmentHead {
  epoch: string;
  firstSeq: number;
}

export interface RecordHead {
  seq: number;
  payloadBytes: number;
  /** Samples in all records of the epoch up to and including this one. */
  totalSamples: number;
  /** Samples in this record. */
  samples: number;
  appendedAt: number;
}

/** A segment's header and the end mark behind it. */
export function writeSegmentHeader(head: SegmentHead, createdAt: number): Buffer {
  const buffer = Buffer.alloc(SEGMENT_HEADER + END_MARK);
  buffer.writeUInt32LE(SEGMENT_MAGIC, 0);
  buffer.writeUInt32LE(VERSION, 4);
  buffer.write(head.epoch, 8, 'hex');
  writeU64(buffer, head.firstSeq, 24);
  writeU64(buffer, createdAt, 32);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 40)), 40);
  return buffer;
}

/** The header's content; null when it is damaged or of another version. */
export function readSegmentHeader(buffer: Buffer): SegmentHead | null {
  if (buffer.length < SEGMENT_HEADER || buffer.readUInt32LE(0) !== SEGMENT_MAGIC) return null;
  if (buffer.readUInt32LE(4) !== VERSION || buffer.readUInt32LE(40) !== crc32(buffer.subarray(0, 40))) return null;
  return { epoch: buffer.toString('hex', 8, 24), firstSeq: readU64(buffer, 24) };
}

/** When the segment was begun, milliseconds since 1970 UTC; null when its header is damaged. */
export function readBirth(buffer: Buffer): number | null {
  return readSegmentHeader(buffer) ? readU64(buffer, 32) : null;
}

/** Where the checksums of a segment's records begin. Needs no header: the epoch and the file's name tell it. */
export function checksumSeed({ epoch, firstSeq }: SegmentHead): number {
  const buffer = Buffer.alloc(24);
  buffer.write(epoch, 0, 'hex');
  writeU64(buffer, firstSeq, 16);
  return crc32(buffer);
}

/** A whole record and `markBytes` of end mark, ready to be written at one place. */
export function writeRecord(head: RecordHead, seed: number, payload: Uint8Array, markBytes: number): Buffer {
  const end = RECORD_HEADER + payload.length;
  const buffer = Buffer.allocUnsafe(end + markBytes);
  buffer.writeUInt32LE(RECORD_MAGIC, 0);
  buffer.writeUInt32LE(payload.length, 4);
  writeU64(buffer, head.seq, 8);
  writeU64(buffer, head.totalSamples, 16);
  writeU64(buffer, head.appendedAt, 24);
  buffer.writeUInt32LE(head.samples, 32);
  buffer.set(payload, RECORD_HEADER);
  buffer.fill(0, end);
  buffer.writeUInt32LE(checksum(buffer, 0, payload.length, seed), 36);
  return buffer;
}

/** The head of a sound record with a seq beyond `lastSeq` at `at`; null when there is none or it is damaged. */
export function readRecordHead(segment: Buffer, at: number, lastSeq: number, seed: number): RecordHead | null {
  if (at + RECORD_HEADER > segment.length || segment.readUInt32LE(at) !== RECORD_MAGIC) return null;
  const payloadBytes = segment.readUInt32LE(at + 4);
  if (at + RECORD_HEADER + payloadBytes > segment.length || readU64(segment, at + 8) <= lastSeq) return null;
  if (segment.readUInt32LE(at + 36) !== checksum(segment, at, payloadBytes, seed)) return null;
  return fieldsAt(segment, at);
}

/**
 * Whether the damaged bytes at `at` were the record behind `last`, and not what an earlier use of the file left. Two
 * fields speak for it, so that no single damage hides it: an earlier use had lower numbers, and earlier times.
 */
export function looksNext(segment: Buffer, at: number, last: RecordHead): boolean {
  if (at + RECORD_HEADER > segment.length) return false;
  const { seq, appendedAt } = fieldsAt(segment, at);
  return seq === last.seq + 1 || (segment.readUInt32LE(at) === RECORD_MAGIC && appendedAt >= last.appendedAt);
}

function fieldsAt(segment: Buffer, at: number): RecordHead {
  return {
    seq: readU64(segment, at + 8),
    payloadBytes: segment.readUInt32LE(at + 4),
    totalSamples: readU64(segment, at + 16),
    appendedAt: readU64(segment, at + 24),
    samples: segment.readUInt32LE(at + 32),
  };
}

function checksum(buffer: Buffer, at: number, payloadBytes: number, seed: number): number {
  const head = crc32(buffer.subarray(at, at + 36), seed);
  return crc32(buffer.subarray(at + RECORD_HEADER, at + RECORD_HEADER + payloadBytes), head);
}

function writeU64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function readU64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
}
