/** What goes in comes out, and it is the protobuf that lineside.proto says: held against protobufjs in both directions. */
import { readFileSync } from 'node:fs';
import { type Batch, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { BatchWriter, Kind, TYPE_CODES } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch, decompressBatch, readEnvelope, writeEnvelope } from '@lineside/shared/wire/envelope.ts';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { alarm, columnsOf, type RandomBatch, randomBatch } from './random-batch.ts';

const proto = protobuf.parse(readFileSync(new URL('../../../shared/wire/lineside.proto', import.meta.url), 'utf8'), {
  keepCase: true,
}).root;
const BatchType = proto.lookupType('lineside.v1.Batch');
const EnvelopeType = proto.lookupType('lineside.v1.Envelope');
const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

function encode({ catalog, types, frames, alarms, events }: RandomBatch): Buffer {
  const writer = new BatchWriter(types);
  writer.addTags(catalog);
  for (const event of alarms) writer.addAlarm(event);
  for (const event of events) writer.addEvent(event);
  for (const frame of frames) writer.addFrame(frame);
  return writer.finish();
}

function columnsRead({ frames, tags, sourceAt, values, quality }: Batch) {
  return {
    frames: frames.map(({ device, receivedAt, from, to, historical }) => ({
      device,
      receivedAt,
      count: to - from,
      historical,
    })),
    tags: [...tags],
    sourceAt: [...sourceAt],
    values: [...values],
    quality: [...quality],
  };
}

interface PlainSamples {
  devices?: string[];
  frame_device?: number[];
  frame_received?: number[];
  frame_count?: number[];
  tag?: number[];
  source?: number[];
  quality?: number[];
  kind?: Uint8Array;
  float64?: Uint8Array;
  float32?: Uint8Array;
  integer?: number[];
  boolean?: Uint8Array;
  string?: string[];
  frame_historical?: number[];
}

/** The columns as lineside.proto describes them, made without any of our code. */
function toPlain({ catalog, types, frames, alarms, events }: RandomBatch) {
  const { tags, sourceAt, values, quality } = columnsOf(frames);
  const devices = [...new Set(frames.map((frame) => frame.device))];
  const kinds = values.map((value, i) => {
    if (value === null) return Kind.null;
    const type = types.get(tags[i]!)!;
    return TYPE_CODES[type];
  });
  const of = (kind: number) => values.filter((_, i) => kinds[i] === kind) as number[];
  const received = frames.map((frame) => frame.receivedAt);
  const owners = frames.flatMap((frame) => frame.tags.map(() => frame.receivedAt));
  const samples: PlainSamples = {
    devices,
    frame_device: frames.map((frame) => devices.indexOf(frame.device)),
    frame_received: received.map((at, i) => at - (received[i - 1] ?? 0)),
    frame_count: frames.map((frame) => frame.tags.length),
    tag: tags.map((tag, i) => tag - (tags[i - 1] ?? 0)),
    source: sourceAt.map((at, i) => at - owners[i]!),
    quality,
    kind: Uint8Array.from(kinds),
    float64: new Uint8Array(Float64Array.from(of(1)).buffer),
    float32: new Uint8Array(Float32Array.from(of(2)).buffer),
    integer: of(3),
    boolean: Uint8Array.from(of(4), (value) => (value ? 1 : 0)),
    string: of(5) as unknown as string[],
    frame_historical: frames.map((frame) => (frame.historical ? 1 : 0)),
  };
  return {
    catalog: catalog.map((tag) => ({ ...tag, type: TYPE_CODES[tag.type] })),
    ...(frames.length > 0 ? { samples } : {}),
    alarms: alarms.map((event) => JSON.stringify(event)),
    events: events.map((event) => JSON.stringify(event)),
  };
}

describe('a batch', () => {
  it.each(SEEDS)('comes back as it went in (seed %i)', (seed) => {
    const given = randomBatch(seed);
    const batch = readBatch(encode(given));
    expect(columnsRead(batch)).toStrictEqual(columnsOf(given.frames));
    expect(batch.catalog).toStrictEqual(given.catalog);
    expect(batch.alarms).toStrictEqual(given.alarms);
    expect(batch.events).toStrictEqual(given.events);
  });

  it.each(SEEDS)('is what protobufjs reads by lineside.proto (seed %i)', (seed) => {
    const given = randomBatch(seed);
    const wanted = toPlain(given);
    const message = BatchType.decode(encode(given));
    const options = { longs: Number, arrays: true, defaults: true };
    const read = BatchType.toObject(message, options) as ReturnType<typeof toPlain>;
    expect(read.catalog).toEqual(wanted.catalog.map((tag) => ({ writable: false, names: [], ...tag })));
    expect(read.alarms).toEqual(wanted.alarms);
    expect(read.events).toEqual(wanted.events);
    if (!wanted.samples) return expect(read.samples ?? null).toBeNull();
    const marks = wanted.samples.frame_historical!.some((mark) => mark === 1) ? wanted.samples.frame_historical : [];
    const bytes = (list?: Uint8Array) => [...(list ?? [])];
    const source = wanted.samples.source!.some((at) => at !== 0) ? wanted.samples.source : [];
    const quality = wanted.samples.quality!.some((code) => code !== 0) ? wanted.samples.quality : [];
    expect({
      ...read.samples,
      float64: bytes(read.samples!.float64),
      float32: bytes(read.samples!.float32),
      kind: bytes(read.samples!.kind),
      boolean: bytes(read.samples!.boolean),
    }).toEqual({
      ...wanted.samples,
      frame_historical: marks,
      source,
      quality,
      float64: bytes(wanted.samples.float64),
      float32: bytes(wanted.samples.float32),
      kind: bytes(wanted.samples.kind),
      boolean: bytes(wanted.samples.boolean),
    });
  });

  it.each(SEEDS)('is read from what protobufjs writes (seed %i)', (seed) => {
    const given = randomBatch(seed);
    const batch = readBatch(BatchType.encode(BatchType.fromObject(toPlain(given))).finish());
    expect(columnsRead(batch)).toStrictEqual(columnsOf(given.frames));
    expect(batch.catalog).toStrictEqual(given.catalog);
    expect(batch.alarms).toStrictEqual(given.alarms);
  });

  it('passes over fields of a later version', () => {
    const later = Buffer.concat([
      encode(randomBatch(3)),
      Buffer.from([0x78, 0x05, 0x7a, 0x01, 0x41, 0x7d, 1, 2, 3, 4]),
    ]);
    expect(columnsRead(readBatch(later))).toStrictEqual(columnsOf(randomBatch(3).frames));
  });

  it('keeps an integer that is too large for its column as a float64', () => {
    const given = randomBatch(1);
    given.types.set(9, 'integer');
    given.frames = [
      {
        device: 'd',
        receivedAt: 1,
        tags: [9, 9, 9],
        sourceAt: [1, 1, 1],
        values: [2 ** 60, 0.5, -0],
        quality: [0, 0, 0],
      },
    ];
    expect([...readBatch(encode(given)).values]).toStrictEqual([2 ** 60, 0.5, 0]);
  });

  it('rounds times to whole milliseconds and takes the receive time for one that is no number', () => {
    const writer = new BatchWriter(new Map());
    writer.addFrame({
      device: 'd',
      receivedAt: 1000.4,
      tags: [1, 2, 3],
      sourceAt: [999.5, Number.NaN, 1e300],
      values: [1, 2, 3],
      quality: [0, 0, 0],
    });
    const { frames, sourceAt } = readBatch(writer.finish());
    expect(frames[0]!.receivedAt).toBe(1000);
    expect([...sourceAt]).toStrictEqual([1000, 1000, 1000]);
  });

  it('takes nothing of a frame that cannot be told apart, and goes on', () => {
    const writer = new BatchWriter(new Map());
    const good = { device: 'd', receivedAt: 5, tags: [1], sourceAt: [5], values: [1], quality: [0] };
    writer.addFrame(good);
    for (const bad of [
      { ...good, values: [] },
      { ...good, device: '' },
      { ...good, receivedAt: Number.NaN },
    ]) {
      expect(() => writer.addFrame(bad)).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
    }
    writer.addFrame(good);
    expect([...readBatch(writer.finish()).values]).toStrictEqual([1, 1]);
  });

  it('begins afresh after each finish', () => {
    const given = randomBatch(11);
    const writer = new BatchWriter(given.types);
    for (let round = 0; round < 3; round++) {
      for (const frame of given.frames) writer.addFrame(frame);
      expect(writer.empty).toBe(false);
      expect(columnsRead(readBatch(writer.finish()))).toStrictEqual(columnsOf(given.frames));
      expect(writer.empty).toBe(true);
      expect(writer.samples).toBe(0);
    }
  });

  it('leaves out what is the same for all samples', () => {
    const writer = new BatchWriter(new Map([[1, 'float32']]));
    writer.addFrame({ device: 'd', receivedAt: 5, tags: [1], sourceAt: [5], values: [1], quality: [0] });
    const read = BatchType.toObject(BatchType.decode(writer.finish())) as { samples: PlainSamples };
    expect(Object.keys(read.samples)).not.toContain('source');
    expect(Object.keys(read.samples)).not.toContain('quality');
  });
});

describe('an envelope', () => {
  const epoch = '00112233445566778899aabbccddeeff';

  it.each([
    { seq: 1, prev: 0 },
    { seq: 2 ** 32 + 7, prev: 2 ** 32 + 6 },
    { seq: 2 ** 53 - 1, prev: 5 },
  ])('is read by protobufjs and back ($seq after $prev)', ({ seq, prev }) => {
    const given = { epoch, seq, prev, batch: compressBatch(encode(randomBatch(2))) };
    const bytes = writeEnvelope(given);
    expect(readEnvelope(bytes)).toStrictEqual(given);
    const read = EnvelopeType.toObject(EnvelopeType.decode(bytes), { longs: Number, defaults: true });
    expect(read).toMatchObject({ seq, prev });
    const theirs = EnvelopeType.encode(
      EnvelopeType.fromObject({ ...given, epoch: Buffer.from(epoch, 'hex') }),
    ).finish();
    expect(readEnvelope(theirs)).toStrictEqual(given);
  });

  it('carries a batch that decompresses to the same bytes', () => {
    const batch = encode(randomBatch(5));
    expect(decompressBatch(compressBatch(batch))).toStrictEqual(batch);
    expect(readBatch(decompressBatch(compressBatch(batch))).alarms).toStrictEqual(randomBatch(5).alarms);
    expect(alarm()).toMatchObject({ state: 'unacknowledged' });
  });

  it('keeps no more memory alive than its batch needs', () => {
    const { buffer, length } = compressBatch(encode(randomBatch(5)));
    expect(buffer.byteLength).toBe(length);
  });
});
