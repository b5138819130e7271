/** Leaves a buffer's folder as a gateway leaves it that is killed after a long time without a hub. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch } from '@lineside/shared/wire/envelope.ts';
import {
  checksumSeed,
  END_MARK,
  RECORD_HEADER,
  SEGMENT_HEADER,
  writeRecord,
  writeSegmentHeader,
} from '../../gateway/buffer/format.ts';
import { MachineData } from './machine-data.ts';

const MIB = 1024 * 1024;
const SEGMENT_BYTES = 16 * MIB;
/** So many records differ; then they come again under other numbers. */
const DIFFERENT = 200;

export interface Backlog {
  records: number;
  samples: number;
  bytes: number;
}

/** @param polls of all machines in one record: 2 in 200 ms */
export async function writeBacklog(dir: string, mib: number, polls = 2): Promise<Backlog> {
  const data = new MachineData();
  const types = new Map(data.tags.map(({ id, type }) => [id, type]));
  const writer = new BatchWriter(types);
  writer.addTags(data.tags);
  const catalog = compressBatch(writer.finish());
  const batches = Array.from({ length: DIFFERENT }, () => {
    for (let i = 0; i < polls; i++) for (const frame of data.poll()) writer.addFrame(frame);
    const { samples } = writer;
    return { payload: compressBatch(writer.finish()), samples };
  });

  const epoch = randomBytes(16).toString('hex');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'epoch'), `${epoch}\n`);
  const segments = Math.max(1, Math.round((mib * MIB) / SEGMENT_BYTES));
  const file = Buffer.alloc(SEGMENT_BYTES);
  let [seq, samples, bytes] = [0, 0, 0];
  for (let n = 0; n < segments; n++) {
    const head = { epoch, firstSeq: seq + 1 };
    const seed = checksumSeed(head);
    file.fill(0);
    writeSegmentHeader(head, Date.now()).copy(file);
    let at = SEGMENT_HEADER;
    for (let batch = { payload: catalog, samples: 0 }; ; batch = batches[seq % DIFFERENT]!) {
      if (at + RECORD_HEADER + batch.payload.length + END_MARK > SEGMENT_BYTES) break;
      samples += batch.samples;
      const record = {
        seq: ++seq,
        payloadBytes: batch.payload.length,
        totalSamples: samples,
        samples: batch.samples,
      };
      at += writeRecord({ ...record, appendedAt: Date.now() }, seed, batch.payload, 0).copy(file, at);
      bytes += batch.payload.length;
    }
    // What a kill in the middle of a write leaves behind.
    if (n === segments - 1) file.fill(0xaa, at, Math.min(at + 700, SEGMENT_BYTES));
    const handle = await open(join(dir, `${String(head.firstSeq).padStart(16, '0')}.seg`), 'w');
    await handle.write(file);
    await handle.close();
  }
  return { records: seq, samples, bytes };
}
