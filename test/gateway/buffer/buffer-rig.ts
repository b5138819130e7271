/** A buffer on a real folder, and what the hub would get out of it. */
import { randomBytes } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayBuffer } from '@lineside/gateway/buffer/buffer.ts';
import type { BufferConfig } from '@lineside/gateway/buffer/config.ts';
import type { LogRecord } from '@lineside/gateway/buffer/disk-log.ts';
import { RECORD_HEADER } from '@lineside/gateway/buffer/format.ts';
import { scanSegment } from '@lineside/gateway/buffer/scan.ts';
import type { DropEvent } from '@lineside/shared/contracts/event.ts';
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Batch, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import { onTestFinished } from 'vitest';

export const CONFIG: Partial<BufferConfig> = {
  commitIntervalMs: 10_000,
  segmentMiB: 1,
  maxMiB: 64,
  keepCommittedMiB: 0,
};

export const TAGS: TagInfo[] = [
  { id: 1, device: 'press', name: 'temperature', type: 'float64', unit: '°C', description: '' },
  { id: 2, device: 'press', name: 'text', type: 'string', unit: '', description: '' },
];

export interface Rig {
  buffer: GatewayBuffer;
  /** Records of samples, and of alarms and events. */
  committed: LogRecord[];
  urgent: LogRecord[];
  logged: string[];
}

export function collectingLogger(lines: string[]): Logger {
  const write = (fields: object, msg: string) => void lines.push(JSON.stringify({ ...fields, msg }));
  return { info: write, warn: write, error: write } as unknown as Logger;
}

interface RigOptions extends Partial<BufferConfig> {
  tags?: TagInfo[];
  readers?: string[];
  rebirthMs?: number;
  now?: () => number;
  onRebirth?: () => void;
}

/** Opens a buffer; it is closed when the test is over. */
export async function openBuffer(
  dir: string,
  { tags = TAGS, readers = [], rebirthMs, now = Date.now, onRebirth = () => undefined, ...changes }: RigOptions = {},
): Promise<Rig> {
  const committed: LogRecord[] = [];
  const urgent: LogRecord[] = [];
  const logged: string[] = [];
  const buffer = new GatewayBuffer({
    dir,
    config: { ...CONFIG, ...changes },
    log: collectingLogger(logged),
    now,
    onCommit: (record, lane) => void (lane === 'urgent' ? urgent : committed).push(record),
    readers,
    onRebirth,
    ...(rebirthMs === undefined ? {} : { rebirthMs }),
  });
  await buffer.open();
  onTestFinished(() => buffer.close());
  if (tags.length > 0) buffer.describeTags(tags);
  return { buffer, committed, urgent, logged };
}

/** One frame of one sample whose value tells it from all others. */
export function add(buffer: GatewayBuffer, value: number): void {
  buffer.addFrame({
    device: 'press',
    receivedAt: 1_790_000_000_000 + value,
    tags: [1],
    sourceAt: [1_790_000_000_000 + value],
    values: [value],
    quality: [0],
  });
}

/** One durable record for each value. */
export async function store(buffer: GatewayBuffer, ...values: number[]): Promise<void> {
  for (const value of values) {
    add(buffer, value);
    await buffer.flush();
  }
}

/** A record of about so many bytes that do not compress. */
export async function storeLarge(buffer: GatewayBuffer, value: number, bytes: number): Promise<void> {
  const text = randomBytes(bytes).toString('base64');
  buffer.addFrame({
    device: 'press',
    receivedAt: value,
    tags: [1, 2],
    sourceAt: [value, value],
    values: [value, text],
    quality: [0, 0],
  });
  await buffer.flush();
}

export const batchOf = (record: LogRecord): Batch => readBatch(decompressBatch(record.payload));

/** All alarms and events that are on disk. */
export async function urgentOf({ urgent }: GatewayBuffer): Promise<Pick<Batch, 'alarms' | 'events'>> {
  const batches = (await drain(urgent)).map(batchOf);
  return { alarms: batches.flatMap(({ alarms }) => alarms), events: batches.flatMap(({ events }) => events) };
}

export async function dropsOf(buffer: GatewayBuffer): Promise<DropEvent[]> {
  return (await urgentOf(buffer)).events.filter((event) => event.kind === 'drop');
}

/** All records from `seq` on, as a drain would read them; fails when the order or a `prev` is wrong. */
export async function drain(buffer: Pick<GatewayBuffer, 'read'>, seq = 1): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let from = seq; ; ) {
    const record = await buffer.read(from);
    if (!record) return records;
    const last = records.at(-1);
    if (record.seq < from || record.prev >= record.seq)
      throw new Error(`wrong order at ${from}: ${record.prev}, ${record.seq}`);
    if (last && record.prev !== last.seq)
      throw new Error(`record ${record.seq} names ${record.prev}, not ${last.seq}`);
    records.push(record);
    from = record.seq + 1;
  }
}

/** The temperatures in records, in order. */
export function valuesOf(records: LogRecord[]): number[] {
  return records.flatMap((record) => [...batchOf(record).values].filter((value) => typeof value === 'number'));
}

export async function filesOf(dir: string, end: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith(end)).sort();
}

/** Where the records of a segment file lie. */
export async function placesIn(dir: string, name: string, epoch: string) {
  const handle = await open(join(dir, name), 'r');
  const bytes = await handle.readFile();
  await handle.close();
  const { records } = scanSegment(bytes, { epoch, firstSeq: Number.parseInt(name, 10) });
  return records.map(({ seq, at, payloadBytes }) => ({
    seq,
    at,
    payload: at + RECORD_HEADER,
    end: at + RECORD_HEADER + payloadBytes,
  }));
}

/** Flips all bits of one byte of a file. */
export async function flip(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0]! ^= 0xff;
  await handle.write(byte, 0, 1, at);
  await handle.close();
}
