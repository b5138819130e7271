/** Builds one Batch of lineside.proto while frames come in: each sample goes straight into its columns. */
import type { AlarmEvent } from '../contracts/alarm.ts';
import type { GatewayEvent } from '../contracts/event.ts';
import type { Frame, TagInfo, ValueType } from '../contracts/frame.ts';
import { LinesideError } from '../errors/lineside-error.ts';
import { ProtoWriter } from './proto-writer.ts';

export const TYPE_CODES: Record<ValueType, number> = { float64: 1, float32: 2, integer: 3, boolean: 4, string: 5 };

/** Which column holds a sample's value. The first is for null; the others are the value types' codes. */
export const Kind = { null: 0, ...TYPE_CODES };

export class BatchWriter {
  readonly #types: ReadonlyMap<number, ValueType>;
  readonly #out = new ProtoWriter(16 * 1024);
  readonly #inner = new ProtoWriter(16 * 1024);
  readonly #catalog = new ProtoWriter(256);
  readonly #alarms = new ProtoWriter(256);
  readonly #events = new ProtoWriter(256);
  readonly #frameDevice = new ProtoWriter(256);
  readonly #frameReceived = new ProtoWriter(256);
  readonly #frameCount = new ProtoWriter(256);
  readonly #frameHistorical = new ProtoWriter(64);
  readonly #tag = new ProtoWriter();
  readonly #source = new ProtoWriter();
  readonly #quality = new ProtoWriter();
  readonly #kind = new ProtoWriter();
  readonly #float64 = new ProtoWriter();
  readonly #float32 = new ProtoWriter();
  readonly #integer = new ProtoWriter();
  readonly #boolean = new ProtoWriter();
  readonly #string = new ProtoWriter();
  #devices = new Map<string, number>();
  #lastReceived = 0;
  #lastTag = 0;
  #anySource = false;
  #anyQuality = false;
  #anyHistorical = false;
  #samples = 0;

  /** `types` tells whether a number travels as float64, float32 or integer; an unknown tag's as float64. */
  constructor(types: ReadonlyMap<number, ValueType>) {
    this.#types = types;
  }

  get samples(): number {
    return this.#samples;
  }

  get empty(): boolean {
    return (
      this.#samples === 0 && this.#catalog.length === 0 && this.#alarms.length === 0 && this.#events.length === 0
    );
  }

  /** Roughly the encoded size so far, for bounding a batch. */
  get bytes(): number {
    return (
      this.#samples * 4 +
      this.#float64.length +
      this.#float32.length +
      this.#integer.length +
      this.#string.length +
      this.#alarms.length +
      this.#events.length +
      this.#catalog.length
    );
  }

  addTags(tags: TagInfo[]): void {
    const entry = new ProtoWriter(128);
    for (const tag of tags) {
      entry.reset();
      entry.uintField(1, tag.id);
      entry.stringField(2, tag.device);
      entry.stringField(3, tag.name);
      entry.uintField(4, TYPE_CODES[tag.type]);
      entry.stringField(5, tag.unit);
      entry.stringField(6, tag.description);
      addWriting(entry, tag);
      this.#catalog.bytesField(1, entry.view(), true);
    }
  }

  addAlarm(event: AlarmEvent): void {
    this.#alarms.stringField(3, JSON.stringify(event));
  }

  addEvent(event: GatewayEvent): void {
    this.#events.stringField(4, JSON.stringify(event));
  }

  /**
   * Takes a frame's samples. Times are rounded to whole milliseconds; one that is no number counts as the receive
   * time. The −0 of an integer tag becomes 0.
   *
   * @throws LinesideError FRAME_MALFORMED, and takes nothing of a frame that would spoil the others of its batch.
   */
  addFrame(frame: Frame): void {
    const { tags, sourceAt, values, quality } = frame;
    const count = tags.length;
    if (count === 0) return;
    const receivedAt = Math.round(frame.receivedAt);
    checkFrame(frame, receivedAt);
    let device = this.#devices.get(frame.device);
    if (device === undefined) {
      device = this.#devices.size;
      this.#devices.set(frame.device, device);
    }
    this.#frameDevice.varint(device);
    this.#frameReceived.zigzag(receivedAt - this.#lastReceived);
    this.#frameCount.varint(count);
    this.#frameHistorical.varint(frame.historical ? 1 : 0);
    if (frame.historical) this.#anyHistorical = true;
    this.#lastReceived = receivedAt;
    // One column after the other, not one sample after the other: a third less CPU time.
    this.#tag.differences(tags, this.#lastTag, true);
    this.#lastTag = tags[count - 1]!;
    if (allEqual(sourceAt, receivedAt)) this.#source.fill(0, count);
    else {
      this.#anySource = true;
      this.#source.differences(sourceAt, receivedAt, false);
    }
    if (allEqual(quality, 0)) this.#quality.fill(0, count);
    else {
      this.#anyQuality = true;
      for (const code of quality) this.#quality.varint(code >>> 0);
    }
    for (let i = 0; i < count; i++) this.#addValue(tags[i]!, values[i]!);
    this.#samples += count;
  }

  /** The encoded Batch, in memory of its own; the writer is empty afterwards. */
  finish(): Buffer {
    const out = this.#out;
    out.reset();
    // These carry their fields' keys already.
    out.raw(this.#catalog.view());
    out.raw(this.#alarms.view());
    out.raw(this.#events.view());
    if (this.#samples > 0) {
      const inner = this.#inner;
      inner.reset();
      for (const device of this.#devices.keys()) inner.stringField(1, device, true);
      inner.bytesField(2, this.#frameDevice.view());
      inner.bytesField(3, this.#frameReceived.view());
      inner.bytesField(4, this.#frameCount.view());
      // Not last: what is cut off must not look whole.
      if (this.#anyHistorical) inner.bytesField(14, this.#frameHistorical.view());
      inner.bytesField(5, this.#tag.view());
      if (this.#anySource) inner.bytesField(6, this.#source.view());
      if (this.#anyQuality) inner.bytesField(7, this.#quality.view());
      inner.bytesField(8, this.#kind.view());
      inner.bytesField(9, this.#float64.view());
      inner.bytesField(10, this.#float32.view());
      inner.bytesField(11, this.#integer.view());
      inner.bytesField(12, this.#boolean.view());
      inner.raw(this.#string.view());
      out.bytesField(2, inner.view());
    }
    const batch = Buffer.from(out.view());
    this.#reset();
    return batch;
  }

  #addValue(tag: number, value: Frame['values'][number]): void {
    if (typeof value === 'number') {
      const type = this.#types.get(tag);
      if (type === 'float32') {
        this.#kind.byte(Kind.float32);
        this.#float32.float32(value);
      } else if (type === 'integer' && Number.isSafeInteger(value)) {
        this.#kind.byte(Kind.integer);
        this.#integer.zigzag(value);
      } else {
        this.#kind.byte(Kind.float64);
        this.#float64.float64(value);
      }
    } else if (value === null) {
      this.#kind.byte(Kind.null);
    } else if (typeof value === 'boolean') {
      this.#kind.byte(Kind.boolean);
      this.#boolean.byte(value ? 1 : 0);
    } else {
      this.#kind.byte(Kind.string);
      this.#string.stringField(13, String(value), true);
    }
  }

  #reset(): void {
    for (const column of [
      this.#catalog,
      this.#alarms,
      this.#events,
      this.#frameDevice,
      this.#frameReceived,
      this.#frameCount,
      this.#frameHistorical,
      this.#tag,
      this.#source,
      this.#quality,
      this.#kind,
      this.#float64,
      this.#float32,
      this.#integer,
      this.#boolean,
      this.#string,
    ]) {
      column.reset();
    }
    this.#devices = new Map();
    this.#lastReceived = 0;
    this.#lastTag = 0;
    this.#anySource = false;
    this.#anyQuality = false;
    this.#anyHistorical = false;
    this.#samples = 0;
  }
}

/** What concerns whoever wants to write a tag; 0 is a limit, so a limit is written whatever it is. */
function addWriting(entry: ProtoWriter, { writable, min, max, names }: TagInfo): void {
  entry.uintField(7, writable ? 1 : 0);
  for (const [field, limit] of [
    [8, min],
    [9, max],
  ] as const) {
    if (limit === undefined) continue;
    entry.varint(field * 8 + 1);
    entry.float64(limit);
  }
  for (const name of names ?? []) entry.stringField(10, name, true);
}

function allEqual(values: readonly number[], wanted: number): boolean {
  for (let i = 0; i < values.length; i++) if (values[i] !== wanted) return false;
  return true;
}

function checkFrame({ device, tags, sourceAt, values, quality }: Frame, receivedAt: number): void {
  const count = tags.length;
  let fault = '';
  if (device === '') fault = 'it has no device';
  else if (!Number.isSafeInteger(receivedAt)) fault = 'its receive time is no number';
  else if (sourceAt.length !== count || values.length !== count || quality.length !== count)
    fault = 'its arrays differ in length';
  if (fault !== '') throw new LinesideError('FRAME_MALFORMED', 'bug', `frame of device "${device}": ${fault}`);
}
