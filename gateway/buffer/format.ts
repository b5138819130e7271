/**
 * The buffer on disk: segment files of one size, filled once with zeros and then used again and again, because
 * fdatasync of a file that neither grows nor changes its extents writes no metadata (a third of the flash wear).
 *
 * Segment header, 64 bytes:
 *   0 magic "LSEG", 4 version u32, 8 epoch 16 bytes, 24 first seq u64, 32 created ms u64, 40 crc32 of 0..40
 * Record: header of 40 bytes, then the payload (a Batch, compressed):
 *   0 magic "LREC", 4 payload bytes u32, 8 seq u64, 16 samples in all records up to here u64,
 *   24 appended ms u64, 32 first seq of the segment u32 (low bits), 36 crc32 of 0..36 and the payload
 * All integers little-endian. A segment that is used again still holds old records behind the new ones; their
 * seq is below the segment's first, which tells them apart.
 */
import { crc32 } from 'node:zlib';

export const SEGMENT_HEADER = 64;
export const RECORD_HEADER = 40;
export const VERSION = 1;

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
  appendedAt: number;
}

export function writeSegmentHeader(head: SegmentHead, createdAt: number): Buffer {
  const buffer = Buffer.alloc(SEGMENT_HEADER);
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

/** A whole record, ready to be written at one place. */
export function writeRecord(head: RecordHead, segmentFirstSeq: number, payload: Uint8Array): Buffer {
  const buffer = Buffer.allocUnsafe(RECORD_HEADER + payload.length);
  buffer.writeUInt32LE(RECORD_MAGIC, 0);
  buffer.writeUInt32LE(payload.length, 4);
  writeU64(buffer, head.seq, 8);
  writeU64(buffer, head.totalSamples, 16);
  writeU64(buffer, head.appendedAt, 24);
  buffer.writeUInt32LE(segmentFirstSeq >>> 0, 32);
  buffer.set(payload, RECORD_HEADER);
  buffer.writeUInt32LE(checksum(buffer, 0, payload.length), 36);
  return buffer;
}

/** The head of a sound record of this segment at `at`; null when there is none or it is damaged. */
export function readRecordHead(segment: Buffer, at: number, segmentFirstSeq: number): RecordHead | null {
  if (at + RECORD_HEADER > segment.length || segment.readUInt32LE(at) !== RECORD_MAGIC) return null;
  const payloadBytes = segment.readUInt32LE(at + 4);
  if (at + RECORD_HEADER + payloadBytes > segment.length) return null;
  const seq = readU64(segment, at + 8);
  if (seq < segmentFirstSeq || segment.readUInt32LE(at + 32) !== segmentFirstSeq >>> 0) return null;
  if (segment.readUInt32LE(at + 36) !== checksum(segment, at, payloadBytes)) return null;
  return { seq, payloadBytes, totalSamples: readU64(segment, at + 16), appendedAt: readU64(segment, at + 24) };
}

function checksum(buffer: Buffer, at: number, payloadBytes: number): number {
  const head = crc32(buffer.subarray(at, at + 36));
  return crc32(buffer.subarray(at + RECORD_HEADER, at + RECORD_HEADER + payloadBytes), head);
}

function writeU64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function readU64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
}
