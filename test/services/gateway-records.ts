/** What a gateway sends, made by hand: the records of one buffer, each in its envelope. */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import {
  emptyFrame,
  pushSample,
  type TagInfo,
  type Value,
  type ValueType,
} from '@lineside/shared/contracts/frame.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch, writeEnvelope } from '@lineside/shared/wire/envelope.ts';

export type TestSample = [tag: number, at: number, value: Value, quality?: number];

export interface TestRecord {
  tags?: TagInfo[];
  device?: string;
  receivedAt?: number;
  samples?: TestSample[];
  /** Read out of the device's history, before the others. */
  past?: TestSample[];
  alarms?: AlarmEvent[];
}

export const EPOCH = 'a'.repeat(32);

export function tagInfo(id: number, name: string, type: ValueType = 'float64', device = 'packer'): TagInfo {
  return { id, device, name, type, unit: '', description: '' };
}

export function alarmEvent(change: Partial<AlarmEvent> = {}): AlarmEvent {
  return {
    ...{ occurrence: 'occurrence-1', rule: 'too-hot', device: 'packer', tag: 1, transition: 'raised' },
    ...{ state: 'unacknowledged', at: 1_000, priority: 'high', message: 'Too hot', value: 91, limit: 90, unit: '°C' },
    ...{ by: '', comment: '' },
    ...change,
  } as AlarmEvent;
}

/** A record in its envelope. `prev` is by default the record before it, as while nothing is dropped. */
export function envelope(seq: number, record: TestRecord, options: { prev?: number; epoch?: string } = {}): Buffer {
  const writer = new BatchWriter(new Map((record.tags ?? []).map((tag) => [tag.id, tag.type])));
  if (record.tags) writer.addTags(record.tags);
  for (const [samples, historical] of [
    [record.past ?? [], true],
    [record.samples ?? [], false],
  ] as const) {
    if (samples.length === 0) continue;
    const frame = emptyFrame(record.device ?? 'packer', record.receivedAt ?? samples.at(-1)![1]);
    for (const [tag, at, value, quality] of samples) pushSample(frame, tag, at, value, quality ?? 0);
    if (historical) frame.historical = true;
    writer.addFrame(frame);
  }
  for (const alarm of record.alarms ?? []) writer.addAlarm(alarm);
  return envelopeOf(seq, compressBatch(writer.finish()), options);
}

/** Any bytes as the batch of an envelope that is whole. */
export function envelopeOf(seq: number, batch: Buffer, options: { prev?: number; epoch?: string } = {}): Buffer {
  return Buffer.from(writeEnvelope({ epoch: options.epoch ?? EPOCH, seq, prev: options.prev ?? seq - 1, batch }));
}
