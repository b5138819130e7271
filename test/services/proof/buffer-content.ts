/** All that a gateway's buffer still holds, read by the gateway's own log and the shared reader of batches. */
import { join } from 'node:path';
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import type { TagInfo, Value } from '@lineside/shared/contracts/frame.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import { DiskLog } from '../../../gateway/buffer/disk-log.ts';

/** As the gateway's default. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
const URGENT_SEGMENT_BYTES = 1024 * 1024;

export interface BufferedSample {
  at: number;
  value: Value;
  quality: number;
  /** When the gateway took it. */
  receivedAt: number;
  /** The record that holds it. */
  seq: number;
}

export interface BufferContent {
  epoch: string;
  newestSeq: number;
  samples: number;
  /** In the order of the records, by `device/tag`. */
  tags: Map<string, BufferedSample[]>;
  /** Numbers of the records that are there. */
  seqs: Set<number>;
  /** Numbers of records that are not there, below the newest. */
  missing: number[];
  /** What tag ids mean. */
  names: Map<number, string>;
  /** The lane of what is urgent, with numbers of its own. */
  urgent: { epoch: string; alarms: AlarmEvent[]; events: { seq: number; event: AnyEvent }[] };
}

/**
 * @param dir the buffer's folder, which no gateway uses any more
 * @param earlier what was read of it before: a catalogue may be among what was damaged since
 */
export async function readBuffer(dir: string, earlier?: BufferContent): Promise<BufferContent> {
  const log = createLogger({ name: 'proof', level: 'fatal' });
  const disk = new DiskLog({ dir, segmentBytes: SEGMENT_BYTES, log, now: Date.now });
  await disk.open();
  const content: BufferContent = {
    epoch: disk.epoch,
    newestSeq: disk.newestSeq,
    samples: 0,
    tags: new Map(),
    seqs: new Set(),
    missing: [],
    names: new Map(earlier?.names),
    urgent: { epoch: '', alarms: [], events: [] },
  };
  const { names } = content;
  let next = 1;
  for (let record = await disk.read(next); record; record = await disk.read(next)) {
    for (; next < record.seq; next++) content.missing.push(next);
    next = record.seq + 1;
    content.seqs.add(record.seq);
    const batch = readBatch(decompressBatch(record.payload));
    name(batch.catalog, names);
    content.samples += batch.tags.length;
    for (const { receivedAt, from, to } of batch.frames) {
      for (let i = from; i < to; i++) {
        const key = names.get(batch.tags[i]!);
        if (key === undefined)
          throw new Error(`record ${record.seq} has the tag ${batch.tags[i]}, which no catalogue names`);
        const sample = { at: batch.sourceAt[i]!, value: batch.values.at(i), quality: batch.quality[i]! };
        entry(content.tags, key).push({ ...sample, receivedAt, seq: record.seq });
      }
    }
  }
  await disk.close();
  content.urgent = await readUrgent(join(dir, 'urgent'));
  return content;
}

/** Alarms and events have a lane of their own. */
async function readUrgent(dir: string): Promise<BufferContent['urgent']> {
  const log = createLogger({ name: 'proof', level: 'fatal' });
  const disk = new DiskLog({ dir, segmentBytes: URGENT_SEGMENT_BYTES, log, now: Date.now });
  await disk.open();
  const urgent: BufferContent['urgent'] = { epoch: disk.epoch, alarms: [], events: [] };
  for (let record = await disk.read(1); record; record = await disk.read(record.seq + 1)) {
    const { alarms, events } = readBatch(decompressBatch(record.payload));
    urgent.alarms.push(...alarms);
    for (const event of events) urgent.events.push({ seq: record.seq, event });
  }
  await disk.close();
  return urgent;
}

/** What is there, and what was there before it was damaged, in the order of the records. */
export function withDamaged(content: BufferContent, earlier: readonly BufferContent[]): BufferContent {
  const merged = { ...content, tags: new Map(content.tags), seqs: new Set(content.seqs) };
  for (const before of earlier) {
    // A gateway whose disk has lost its newest records gives their numbers anew until the hub tells it better; what it
    // writes under them by then has no samples, or comes again under numbers of its own.
    const filled = new Set([...merged.tags.values()].flatMap((samples) => samples.map(({ seq }) => seq)));
    const gone = new Set([...before.seqs].filter((seq) => !filled.has(seq)));
    for (const seq of gone) merged.seqs.add(seq);
    for (const [key, samples] of before.tags) {
      const lost = samples.filter(({ seq }) => gone.has(seq));
      if (lost.length === 0) continue;
      merged.samples += lost.length;
      merged.tags.set(
        key,
        [...(merged.tags.get(key) ?? []), ...lost].sort((a, b) => a.seq - b.seq),
      );
    }
  }
  merged.newestSeq = Math.max(content.newestSeq, ...earlier.map(({ newestSeq }) => newestSeq));
  merged.missing = content.missing.filter((seq) => !merged.seqs.has(seq));
  return merged;
}

function name(catalog: TagInfo[], names: Map<number, string>): void {
  for (const tag of catalog) {
    const key = `${tag.device}/${tag.name}`;
    const known = names.get(tag.id);
    if (known !== undefined && known !== key) throw new Error(`the number ${tag.id} was ${known} and is now ${key}`);
    names.set(tag.id, key);
  }
}

export function entry<K, V>(map: Map<K, V[]>, key: K): V[] {
  let list = map.get(key);
  if (!list) {
    list = [];
    map.set(key, list);
  }
  return list;
}
