/** Reads a Batch of lineside.proto back into columns. */

import type { AlarmEvent } from '../contracts/alarm.ts';
import type { TagInfo, Value, ValueType } from '../contracts/frame.ts';
import { LinesideError } from '../errors/lineside-error.ts';
import { Kind, TYPE_CODES } from './batch-writer.ts';
import { ProtoReader } from './proto-reader.ts';

export interface FrameHead {
  device: string;
  receivedAt: number;
  /** Index of the frame's first sample in the columns, and of the one after its last. */
  from: number;
  to: number;
}

/** The samples of all frames of a batch, in the order in which they were received. */
export interface Batch {
  catalog: TagInfo[];
  alarms: AlarmEvent[];
  frames: FrameHead[];
  tags: number[];
  sourceAt: number[];
  values: Value[];
  quality: number[];
}

const TYPES = new Map<number, ValueType>(Object.entries(TYPE_CODES).map(([name, code]) => [code, name as ValueType]));

function malformed(what: string): LinesideError {
  return new LinesideError('BATCH_MALFORMED', 'peer', `malformed batch: ${what}`);
}

/** @throws LinesideError BATCH_MALFORMED or WIRE_MALFORMED, saying what does not fit. */
export function readBatch(bytes: Uint8Array): Batch {
  const batch: Batch = { catalog: [], alarms: [], frames: [], tags: [], sourceAt: [], values: [], quality: [] };
  const reader = new ProtoReader(bytes);
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field > 3) {
      reader.skip(wire);
      continue;
    }
    reader.expect(wire, 2, `Batch.${field}`);
    if (field === 1) batch.catalog.push(readTag(reader.nested()));
    else if (field === 2) readSamples(reader.nested(), batch);
    else batch.alarms.push(readAlarm(reader.string()));
  }
  return batch;
}

function readTag(reader: ProtoReader): TagInfo {
  const tag: TagInfo = { id: 0, device: '', name: '', type: 'float64', unit: '', description: '' };
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field === 1 && wire === 0) tag.id = reader.varint();
    else if (field === 2 && wire === 2) tag.device = reader.string();
    else if (field === 3 && wire === 2) tag.name = reader.string();
    else if (field === 4 && wire === 0) {
      const code = reader.varint();
      const type = TYPES.get(code);
      if (!type) throw malformed(`tag ${tag.name} has the unknown type ${code}`);
      tag.type = type;
    } else if (field === 5 && wire === 2) tag.unit = reader.string();
    else if (field === 6 && wire === 2) tag.description = reader.string();
    else reader.skip(wire);
  }
  if (tag.id === 0 || tag.device === '' || tag.name === '') throw malformed('a tag without id, device or name');
  return tag;
}

function readAlarm(text: string): AlarmEvent {
  let event: AlarmEvent;
  try {
    event = JSON.parse(text) as AlarmEvent;
  } catch (cause) {
    throw new LinesideError('BATCH_MALFORMED', 'peer', 'malformed batch: an alarm is not JSON', { cause });
  }
  const sound =
    typeof event.occurrence === 'string' &&
    typeof event.rule === 'string' &&
    typeof event.device === 'string' &&
    typeof event.message === 'string' &&
    Number.isFinite(event.at) &&
    ['normal', 'unacknowledged', 'acknowledged', 'returned'].includes(event.state) &&
    ['raised', 'returned', 'acknowledged'].includes(event.transition) &&
    ['critical', 'high', 'medium', 'low'].includes(event.priority);
  if (!sound) throw malformed('an alarm lacks a field or has one of the wrong type');
  return event;
}

function readSamples(reader: ProtoReader, batch: Batch): void {
  const devices: string[] = [];
  const strings: string[] = [];
  const columns = new Map<number, ProtoReader>();
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field > 13) {
      reader.skip(wire);
      continue;
    }
    reader.expect(wire, 2, `Samples.${field}`);
    if (field === 1) devices.push(reader.string());
    else if (field === 13) strings.push(reader.string());
    else columns.set(field, reader.nested());
  }
  const column = (field: number) => columns.get(field) ?? new ProtoReader(Buffer.alloc(0));
  const total = readFrames(devices, column(2), column(3), column(4), batch);
  readTags(column(5), total, batch);
  readTimes(columns.get(6), batch);
  const quality = columns.get(7);
  for (let i = 0; i < total; i++) batch.quality.push(quality ? quality.varint() : 0);
  readValues(
    column(8),
    { float64: column(9), float32: column(10), integer: column(11), boolean: column(12) },
    strings,
    total,
    batch,
  );
}

function readFrames(
  devices: string[],
  device: ProtoReader,
  received: ProtoReader,
  count: ProtoReader,
  batch: Batch,
): number {
  let at = 0;
  let total = 0;
  while (!count.done) {
    const name = devices[device.varint()];
    if (name === undefined) throw malformed('a frame of a device that is not listed');
    at += received.zigzag();
    const from = total;
    total += count.varint();
    batch.frames.push({ device: name, receivedAt: at, from, to: total });
  }
  return total;
}

function readTags(column: ProtoReader, total: number, batch: Batch): void {
  let tag = 0;
  while (!column.done) {
    tag += column.zigzag();
    batch.tags.push(tag);
  }
  if (batch.tags.length !== total) {
    throw malformed(`the frames announce ${total} samples, the columns hold ${batch.tags.length}`);
  }
}

function readTimes(column: ProtoReader | undefined, batch: Batch): void {
  for (const frame of batch.frames) {
    for (let i = frame.from; i < frame.to; i++)
      batch.sourceAt.push(frame.receivedAt + (column ? column.zigzag() : 0));
  }
}

interface ValueColumns {
  float64: ProtoReader;
  float32: ProtoReader;
  integer: ProtoReader;
  boolean: ProtoReader;
}

function readValues(kind: ProtoReader, columns: ValueColumns, strings: string[], total: number, batch: Batch): void {
  let nextString = 0;
  for (let i = 0; i < total; i++) {
    const code = kind.byte();
    if (code === Kind.float32) batch.values.push(columns.float32.float32());
    else if (code === Kind.float64) batch.values.push(columns.float64.float64());
    else if (code === Kind.integer) batch.values.push(columns.integer.zigzag());
    else if (code === Kind.boolean) batch.values.push(columns.boolean.byte() !== 0);
    else if (code === Kind.null) batch.values.push(null);
    else if (code === Kind.string) {
      const text = strings[nextString++];
      if (text === undefined) throw malformed('fewer strings than samples that hold one');
      batch.values.push(text);
    } else throw malformed(`the value kind ${code} does not exist`);
  }
}
