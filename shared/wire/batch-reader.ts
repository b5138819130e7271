/** Reads a Batch of lineside.proto back into columns. */

import type { AlarmEvent } from '../contracts/alarm.ts';
import type { AnyEvent } from '../contracts/event.ts';
import type { TagInfo, ValueType } from '../contracts/frame.ts';
import { LinesideError } from '../errors/lineside-error.ts';
import { Kind, TYPE_CODES } from './batch-writer.ts';
import { ProtoReader } from './proto-reader.ts';
import { readEvent } from './read-event.ts';
import { ValueColumn, ValueKind } from './value-column.ts';

interface FrameHead {
  device: string;
  receivedAt: number;
  /** Index of the frame's first sample in the columns, and of the one after its last. */
  from: number;
  to: number;
  /** See Frame. */
  historical: boolean;
}

/** The samples of all frames of a batch, in the order in which they were received. */
export interface Batch {
  catalog: TagInfo[];
  alarms: AlarmEvent[];
  events: AnyEvent[];
  frames: FrameHead[];
  tags: Int32Array;
  /** Milliseconds since 1970 UTC. */
  sourceAt: Float64Array;
  values: ValueColumn;
  quality: Uint32Array;
}

type Samples = Pick<Batch, 'tags' | 'sourceAt' | 'values' | 'quality'>;

/** Columns for so many samples, all 0 and null, in one piece of memory: five pieces cost more than what is put into them. */
function columnsFor(total: number): Samples {
  const room = new ArrayBuffer(25 * total);
  return {
    sourceAt: new Float64Array(room, 0, total),
    values: new ValueColumn(new Float64Array(room, 8 * total, total), new Uint8Array(room, 24 * total, total)),
    tags: new Int32Array(room, 16 * total, total),
    quality: new Uint32Array(room, 20 * total, total),
  };
}

export const NO_SAMPLES: Readonly<Samples> = columnsFor(0);

/**
 * Most samples in one batch, and most entries in any of its lists. A gateway closes a batch at a quarter of it; 64 MiB of
 * the smallest samples would fill gigabytes of arrays here. A count beyond it is refused before anything is read.
 */
const MAX_ENTRIES = 1_000_000;

/** Largest tag id (sint32 deltas), StatusCode (uint32) and magnitude of a time (ECMA-262, 21.4.1.1). */
const MAX_TAG = 0x7fff_ffff;
const MAX_CODE = 0xffff_ffff;
const MAX_TIME = 8.64e15;

const TYPES = new Map<number, ValueType>(Object.entries(TYPE_CODES).map(([name, code]) => [code, name as ValueType]));

function malformed(what: string): LinesideError {
  return new LinesideError('BATCH_MALFORMED', 'peer', `malformed batch: ${what}`);
}

/** @throws LinesideError BATCH_MALFORMED or WIRE_MALFORMED, saying what does not fit. */
export function readBatch(bytes: Uint8Array): Batch {
  const batch: Batch = {
    ...{ catalog: [], alarms: [], events: [], frames: [] },
    ...NO_SAMPLES,
  };
  const reader = new ProtoReader(bytes);
  let samples: ProtoReader | undefined;
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field > 4) {
      reader.skip(wire);
      continue;
    }
    reader.expect(wire, 2, `Batch.${field}`);
    if (field === 1) push(batch.catalog, readTag(reader.nested()), 'tags');
    else if (field === 3) push(batch.alarms, readAlarm(reader.string()), 'alarms');
    else if (field === 4) push(batch.events, readEvent(reader.string()), 'events');
    else if (samples) throw malformed('it has samples twice');
    else samples = reader.nested();
  }
  if (samples) readSamples(samples, batch);
  return batch;
}

function push<T>(list: T[], entry: T, what: string): void {
  if (list.length >= MAX_ENTRIES) throw malformed(`more than ${MAX_ENTRIES} ${what}`);
  list.push(entry);
}

/** Wire types of Tag's fields 1 to 10. */
const TAG_WIRE = [0, 2, 2, 0, 2, 2, 0, 1, 1, 2];

function readTag(reader: ProtoReader): TagInfo {
  const tag: TagInfo = { id: 0, device: '', name: '', type: 'float64', unit: '', description: '' };
  const limits: Pick<TagInfo, 'min' | 'max'> = {};
  const names: string[] = [];
  let writable = false;
  let code = 0;
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field > 10) {
      reader.skip(wire);
      continue;
    }
    reader.expect(wire, TAG_WIRE[field - 1]!, `Tag.${field}`);
    if (field === 1) tag.id = reader.varint();
    else if (field === 2) tag.device = reader.string();
    else if (field === 3) tag.name = reader.string();
    else if (field === 4) code = reader.varint();
    else if (field === 5) tag.unit = reader.string();
    else if (field === 6) tag.description = reader.string();
    else if (field === 7) writable = reader.varint() !== 0;
    else if (field === 10) push(names, reader.string(), 'names');
    else limits[field === 8 ? 'min' : 'max'] = limit(reader.float64(), field);
  }
  if (tag.id === 0 || tag.device === '' || tag.name === '') throw malformed('a tag without id, device or name');
  if (tag.id > MAX_TAG) throw malformed(`the tag id ${tag.id} is too large`);
  const type = TYPES.get(code);
  if (!type) throw malformed(`tag ${tag.name} has the unknown type ${code}`);
  tag.type = type;
  if (writable) Object.assign(tag, { writable, ...limits, ...(names.length > 0 ? { names } : {}) });
  return tag;
}

function limit(value: number, field: number): number {
  if (!Number.isFinite(value)) throw malformed(`the limit Tag.${field} is not finite`);
  return value;
}

function readAlarm(text: string): AlarmEvent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new LinesideError('BATCH_MALFORMED', 'peer', 'malformed batch: an alarm is not JSON', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null) throw malformed('an alarm is not a JSON object');
  const event = parsed as AlarmEvent;
  const { occurrence, rule, device, tag, transition, state, at, priority, message, value, limit, unit, by, comment } =
    event;
  const sound =
    [occurrence, rule, device].every((text) => typeof text === 'string' && text !== '') &&
    [message, unit, by, comment].every((text) => typeof text === 'string') &&
    [value, limit].every((number) => number === null || typeof number === 'number') &&
    Number.isSafeInteger(tag) &&
    Number.isFinite(at) &&
    Math.abs(at) <= MAX_TIME &&
    ['normal', 'unacknowledged', 'acknowledged', 'returned'].includes(state) &&
    ['raised', 'returned', 'acknowledged'].includes(transition) &&
    ['critical', 'high', 'medium', 'low'].includes(priority);
  if (!sound) throw malformed('an alarm lacks a field or has one of the wrong type');
  const ms = Math.round(at);
  return {
    occurrence,
    rule,
    device,
    tag,
    transition,
    state,
    at: ms,
    priority,
    message,
    value,
    limit,
    unit,
    by,
    comment,
  };
}

function readSamples(reader: ProtoReader, batch: Batch): void {
  const devices: string[] = [];
  const strings: string[] = [];
  const columns = new Map<number, ProtoReader>();
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field > 14) {
      reader.skip(wire);
      continue;
    }
    reader.expect(wire, 2, `Samples.${field}`);
    if (field === 1) push(devices, reader.string(), 'devices');
    else if (field === 13) push(strings, reader.string(), 'strings');
    else if (columns.has(field)) throw malformed(`the column Samples.${field} comes twice`);
    else columns.set(field, reader.nested());
  }
  const column = (field: number) => columns.get(field) ?? new ProtoReader(Buffer.alloc(0));
  const total = readFrames(devices, column(2), column(3), column(4), columns.get(14), batch);
  if (total === 0) throw malformed('samples without a frame');
  Object.assign(batch, columnsFor(total));
  readTags(column(5), batch.tags);
  readTimes(columns.get(6), batch.frames, batch.sourceAt);
  readQuality(columns.get(7), batch.quality);
  const values = { float64: column(9), float32: column(10), integer: column(11), boolean: column(12) };
  const used = readValues(column(8), values, strings, batch.values);
  // A column that holds more than the samples that were announced would be somebody's lost data.
  for (const [field, rest] of columns) {
    if (!rest.done) throw malformed(`the column Samples.${field} holds more than its ${total} samples need`);
  }
  if (used !== strings.length) throw malformed('more strings than samples that hold one');
}

function readFrames(
  devices: string[],
  device: ProtoReader,
  received: ProtoReader,
  count: ProtoReader,
  historical: ProtoReader | undefined,
  batch: Batch,
): number {
  let at = 0;
  let total = 0;
  while (!count.done) {
    const name = devices[device.varint()];
    if (name === undefined || name === '') throw malformed('a frame of a device that is not listed');
    at = time(at + received.zigzag());
    const from = total;
    total += count.varint();
    if (total === from) throw malformed('a frame without samples');
    if (total > MAX_ENTRIES) throw malformed(`more than ${MAX_ENTRIES} samples`);
    const mark = historical?.varint() ?? 0;
    if (mark > 1) throw malformed(`${mark} is no mark of a frame`);
    batch.frames.push({ device: name, receivedAt: at, from, to: total, historical: mark === 1 });
  }
  return total;
}

function time(at: number): number {
  if (at > MAX_TIME || at < -MAX_TIME) throw malformed('a time is beyond the year 275760');
  return at;
}

function readTags(column: ProtoReader, tags: Int32Array): void {
  let tag = 0;
  for (let i = 0; i < tags.length; i++) {
    tag += column.zigzag();
    if (tag < 1 || tag > MAX_TAG) throw malformed(`the tag id ${tag} does not exist`);
    tags[i] = tag;
  }
}

function readTimes(column: ProtoReader | undefined, frames: Batch['frames'], times: Float64Array): void {
  for (const { receivedAt, from, to } of frames) {
    if (column) for (let i = from; i < to; i++) times[i] = time(receivedAt + column.zigzag());
    else times.fill(receivedAt, from, to);
  }
}

function readQuality(column: ProtoReader | undefined, quality: Uint32Array): void {
  for (let i = 0; column && i < quality.length; i++) {
    const code = column.varint();
    if (code > MAX_CODE) throw malformed(`the quality ${code} does not exist`);
    quality[i] = code;
  }
}

interface ValueColumns {
  float64: ProtoReader;
  float32: ProtoReader;
  integer: ProtoReader;
  boolean: ProtoReader;
}

/** Fills `values`. Returns the number of strings that were used. */
function readValues(kind: ProtoReader, columns: ValueColumns, strings: string[], values: ValueColumn): number {
  const { numbers, kinds } = values;
  let nextString = 0;
  for (let i = 0; i < kinds.length; i++) {
    const code = kind.byte();
    if (code >= Kind.float64 && code <= Kind.integer) {
      numbers[i] = readNumber(code, columns);
      kinds[i] = ValueKind.number;
    } else if (code === Kind.boolean) {
      numbers[i] = readBoolean(columns.boolean);
      kinds[i] = ValueKind.boolean;
    } else if (code === Kind.string) {
      const text = strings[nextString++];
      if (text === undefined) throw malformed('fewer strings than samples that hold one');
      values.set(i, text);
    } else if (code !== Kind.null) throw malformed(`the value kind ${code} does not exist`);
  }
  return nextString;
}

function readNumber(code: number, { float32, float64, integer }: ValueColumns): number {
  if (code === Kind.float32) return float32.float32();
  return code === Kind.float64 ? float64.float64() : integer.zigzag();
}

function readBoolean(column: ProtoReader): number {
  const byte = column.byte();
  if (byte > 1) throw malformed(`${byte} is no boolean`);
  return byte;
}
