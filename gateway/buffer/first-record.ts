/** The first record of a segment, without reading the rest: it tells how many samples came before. */
import { open } from 'node:fs/promises';
import {
  checksumSeed,
  RECORD_HEADER,
  type RecordHead,
  readRecordHead,
  SEGMENT_HEADER,
  type SegmentHead,
} from './format.ts';

/** A first record is a catalogue, which is far below this. Bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Null when it is damaged, or not there yet. Rejects with the file system's error. */
export async function readFirstRecord(path: string, head: SegmentHead): Promise<RecordHead | null> {
  const handle = await open(path, 'r');
  try {
    const start = Buffer.alloc(RECORD_HEADER);
    await handle.read(start, 0, start.length, SEGMENT_HEADER);
    const record = Buffer.alloc(RECORD_HEADER + Math.min(start.readUInt32LE(4), MAX_BYTES));
    await handle.read(record, 0, record.length, SEGMENT_HEADER);
    return readRecordHead(record, 0, head.firstSeq - 1, checksumSeed(head));
  } finally {
    await handle.close();
  }
}
