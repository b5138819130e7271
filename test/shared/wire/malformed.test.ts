/** Whatever a peer sends: an error with a code, soon, and never a batch that nobody wrote. */
import { zstdCompressSync } from 'node:zlib';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { BatchWriter } from '@lineside/shared/wire/batch-writer.ts';
import { compressBatch, decompressBatch, readEnvelope, writeEnvelope } from '@lineside/shared/wire/envelope.ts';
import { ProtoWriter } from '@lineside/shared/wire/proto-writer.ts';
import { describe, expect, it } from 'vitest';
import { alarm, random, randomBatch } from './random-batch.ts';

type Column = number[] | Uint8Array | string[];

/** One sound sample; a case changes a column or takes it away. */
const SOUND: Record<number, Column> = {
  1: ['press'],
  2: [0],
  3: [3_580_000_000_000],
  4: [2],
  5: [14, 0],
  6: [3, 0],
  7: [0, 0x8000_0000],
  8: Uint8Array.of(1, 5),
  9: new Uint8Array(8),
  13: ['Execute'],
};

function samples(changes: Record<number, Column | undefined> = {}): Buffer {
  const inner = new ProtoWriter();
  for (const [field, column] of Object.entries({ ...SOUND, ...changes })) {
    if (column instanceof Uint8Array) inner.bytesField(Number(field), column, true);
    else if (column && typeof column[0] === 'string') {
      for (const text of column as string[]) inner.stringField(Number(field), text, true);
    } else if (column) {
      const packed = new ProtoWriter();
      for (const value of column as number[]) packed.varint(value);
      inner.bytesField(Number(field), packed.view(), true);
    }
  }
  return Buffer.from(inner.view());
}

function field(number: number, wire: number, ...content: number[]): Buffer {
  return Buffer.from([number * 8 + wire, ...content]);
}

function inField(number: number, content: Uint8Array): Buffer {
  const writer = new ProtoWriter();
  writer.bytesField(number, content, true);
  return Buffer.from(writer.view());
}

const batchOf = (changes: Record<number, Column | undefined>) => inField(2, samples(changes));
const alarmOf = (json: string) => inField(3, Buffer.from(json));
const tagOf = (...parts: Buffer[]) => inField(1, Buffer.concat(parts));
const id = field(1, 0, 7);
const device = field(2, 2, 1, 0x64);
const name = field(3, 2, 1, 0x6e);
const type = field(4, 0, 1);
const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
const varints = (count: number, value: number) => new Array<number>(count).fill(value);

const CASES: [string, Buffer][] = [
  ['field 0', field(0, 2, 0)],
  ['a group', field(9, 3)],
  ['wire type 7', field(9, 7)],
  ['samples of the wrong wire type', field(2, 0, 1)],
  ['an alarm of the wrong wire type', field(3, 5, 0, 0, 0, 0)],
  ['a length beyond the end', field(2, 2, 5, 1)],
  ['a length of 2^52', field(2, 2, ...huge)],
  ['an unknown field of 2^52 bytes', field(15, 2, ...huge)],
  ['a varint of eleven bytes', field(2, 2, ...varints(11, 0x80))],
  ['samples twice', Buffer.concat([batchOf({}), batchOf({})])],
  ['samples without anything', inField(2, Buffer.alloc(0))],
  ['devices alone', inField(2, inField(1, Buffer.from('press')))],
  ['a column of the wrong wire type', inField(2, Buffer.concat([samples(), field(12, 0, 1)]))],
  ['a column twice', inField(2, Buffer.concat([samples(), inField(5, Buffer.of(1, 1))]))],
  ['a device that is not listed', batchOf({ 2: [1] })],
  ['no device at all', batchOf({ 1: undefined })],
  ['a device without a name', batchOf({ 1: [''] })],
  ['a device that is not UTF-8', inField(2, Buffer.concat([inField(1, Buffer.of(0xff)), samples({ 1: undefined })]))],
  ['a frame without samples', batchOf({ 2: [0, 0], 3: [2, 2], 4: [2, 0] })],
  ['a frame_count of 2^50', batchOf({ 4: [2 ** 50] })],
  ['frame_counts that add up to 2^54', batchOf({ 2: varints(4, 0), 3: varints(4, 0), 4: varints(4, 2 ** 52) })],
  ['one sample more than announced', batchOf({ 4: [1] })],
  ['one sample less than announced', batchOf({ 4: [3] })],
  ['more receive times than frames', batchOf({ 3: [2, 2] })],
  ['fewer receive times than frames', batchOf({ 3: undefined })],
  ['more frame devices than frames', batchOf({ 2: [0, 0] })],
  ['a receive time after the year 275760', batchOf({ 2: [0, 0], 3: [2 ** 53 - 2, 2 ** 53 - 2], 4: [1, 1] })],
  ['a source time after the year 275760', batchOf({ 3: [2 ** 53 - 2], 6: [2 ** 53 - 2, 0] })],
  ['tag id 0', batchOf({ 5: [0, 0] })],
  ['a negative tag id', batchOf({ 5: [1, 0] })],
  ['a tag id of 2^40', batchOf({ 5: [2 ** 41, 0] })],
  ['a source time too few', batchOf({ 6: [0] })],
  ['a source time too many', batchOf({ 6: [0, 0, 0] })],
  ['a quality too few', batchOf({ 7: [0] })],
  ['a quality too many', batchOf({ 7: [0, 0, 0] })],
  ['a quality of 2^32', batchOf({ 7: [0, 2 ** 32] })],
  ['a kind too few', batchOf({ 8: Uint8Array.of(1) })],
  ['a kind too many', batchOf({ 8: Uint8Array.of(1, 5, 0) })],
  ['kind 6', batchOf({ 8: Uint8Array.of(1, 6) })],
  ['half a float64', batchOf({ 9: new Uint8Array(4) })],
  ['a float64 too many', batchOf({ 9: new Uint8Array(16) })],
  ['values in a column that no kind names', batchOf({ 10: new Uint8Array(4) })],
  ['no string for a sample that has one', batchOf({ 13: undefined })],
  ['a string too many', batchOf({ 13: ['a', 'b'] })],
  ['a boolean that is 2', batchOf({ 8: Uint8Array.of(1, 4), 12: Uint8Array.of(2), 13: undefined })],
  [
    'an integer beyond 2^53',
    inField(
      2,
      Buffer.concat([
        samples({ 8: Uint8Array.of(1, 3), 13: undefined }),
        inField(11, Buffer.from([...varints(9, 0xff), 1])),
      ]),
    ),
  ],
  ['a tag without a type', tagOf(id, device, name)],
  ['a tag of type 9', tagOf(id, device, name, field(4, 0, 9))],
  ['a tag without an id', tagOf(device, name, type)],
  ['a tag without a name', tagOf(id, device, type)],
  ['a tag id beyond 2^31', tagOf(field(1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f), device, name, type)],
  ['a tag whose name is a number', tagOf(id, device, field(3, 0, 1), type)],
  ['an alarm that is not JSON', alarmOf('{')],
  ['an alarm that is null', alarmOf('null')],
  ['an alarm that is a list', alarmOf('[]')],
  ['an alarm nested without end', alarmOf('['.repeat(200_000))],
  ['an alarm without an occurrence', alarmOf(JSON.stringify({ ...alarm(), occurrence: '' }))],
  ['an alarm of an unknown state', alarmOf(JSON.stringify({ ...alarm(), state: 'shelved' }))],
  ['an alarm whose value is a text', alarmOf(JSON.stringify({ ...alarm(), value: '81' }))],
  ['an alarm whose tag is missing', alarmOf(JSON.stringify({ ...alarm(), tag: undefined }))],
  ['an alarm at no time', alarmOf(JSON.stringify({ ...alarm(), at: null }))],
];

function outcome(read: () => unknown): string {
  try {
    read();
    return 'read';
  } catch (error) {
    return error instanceof LinesideError && error.blame === 'peer' ? error.code : `crash: ${error}`;
  }
}

describe('a malformed batch', () => {
  it('would be read, were it not for the change', () => {
    expect([...readBatch(batchOf({})).values]).toStrictEqual([0, 'Execute']);
    expect(readBatch(tagOf(id, device, name, type)).catalog).toHaveLength(1);
    expect(readBatch(alarmOf(JSON.stringify(alarm()))).alarms).toStrictEqual([alarm()]);
  });

  it.each(CASES)('%s is refused', (_, bytes) => {
    expect(outcome(() => readBatch(bytes))).toMatch(/^(BATCH|WIRE)_MALFORMED$/);
  });

  it('is refused wherever it is cut off', () => {
    const { frames, types } = randomBatch(8);
    const writer = new BatchWriter(types);
    for (const frame of frames) writer.addFrame(frame);
    const whole = writer.finish();
    const inner = whole.subarray(whole.length - innerLength(whole));
    for (let length = 1; length < whole.length; length++) {
      expect(outcome(() => readBatch(whole.subarray(0, length)))).toMatch(/_MALFORMED$/);
    }
    for (let length = 0; length < inner.length; length++) {
      expect(outcome(() => readBatch(inField(2, inner.subarray(0, length))))).toMatch(/_MALFORMED$/);
    }
  });

  it('with flipped bytes is refused or at least of one length', () => {
    const next = random(4);
    const { frames, types, catalog } = randomBatch(8);
    const writer = new BatchWriter(types);
    writer.addTags(catalog);
    for (const frame of frames) writer.addFrame(frame);
    const whole = writer.finish();
    for (let round = 0; round < 3_000; round++) {
      const bytes = Buffer.from(whole);
      for (let flips = 1 + Math.floor(next() * 3); flips > 0; flips--) {
        bytes[Math.floor(next() * bytes.length)]! ^= 1 + Math.floor(next() * 255);
      }
      const result = outcome(() => {
        const { tags, sourceAt, values, quality, frames } = readBatch(bytes);
        const counts = new Set([tags.length, sourceAt.length, values.length, quality.length, frames.at(-1)?.to ?? 0]);
        if (counts.size !== 1) throw new Error('columns differ in length');
      });
      expect(result).toMatch(/^read$|_MALFORMED$/);
    }
  });

  it.each([
    ['samples', () => batchOf({ 4: [2_000_000], 5: new Uint8Array(2_000_000), 8: new Uint8Array(2_000_000) })],
    ['frames', () => batchOf({ 2: new Uint8Array(2e6), 3: new Uint8Array(2e6), 4: new Uint8Array(2e6).fill(1) })],
    ['strings', () => batchOf({ 13: new Array<string>(1_500_000).fill('') })],
    ['devices', () => batchOf({ 1: new Array<string>(1_500_000).fill('') })],
  ])('of millions of %s is refused before it fills the memory', (_, make) => {
    const bytes = make();
    const started = performance.now();
    expect(outcome(() => readBatch(bytes))).toBe('BATCH_MALFORMED');
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

/** Length of the one field that a batch of samples consists of. */
function innerLength(batch: Buffer): number {
  let at = 1;
  while (batch[at]! > 127) at++;
  return batch.length - at - 1;
}

describe('malformed compression', () => {
  const compressed = compressBatch(batchOf({}));

  it.each<[string, () => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['an empty batch', () => compressBatch(Buffer.alloc(0))],
    ['not zstd', () => batchOf({})],
    ['something behind it', () => Buffer.concat([compressed, Buffer.from('x')])],
    ['two batches', () => Buffer.concat([compressed, compressed])],
    ['a skippable frame', () => Buffer.from('502a4d180400000000000000', 'hex')],
    ['a bomb', () => zstdCompressSync(Buffer.alloc(65 * 1024 * 1024))],
    ['a window of 2 GiB', () => Buffer.from('28b52ffd04a8010000', 'hex')],
  ])('%s is refused', (_, make) => {
    const bytes = make();
    expect(outcome(() => decompressBatch(bytes))).toBe('BATCH_MALFORMED');
  });

  it('is refused wherever it is cut off or a byte is flipped', () => {
    for (let at = 0; at < compressed.length; at++) {
      expect(outcome(() => decompressBatch(compressed.subarray(0, at)))).toBe('BATCH_MALFORMED');
      const flipped = Buffer.from(compressed);
      flipped[at]! ^= 0x41;
      expect(outcome(() => decompressBatch(flipped))).toBe('BATCH_MALFORMED');
    }
  });
});

describe('a malformed envelope', () => {
  const sound = { epoch: '00112233445566778899aabbccddeeff', seq: 9, prev: 8, batch: Buffer.from('batch') };
  const written = writeEnvelope(sound);

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a short epoch', writeEnvelope({ ...sound, epoch: '0011' })],
    ['a long epoch', writeEnvelope({ ...sound, epoch: `${sound.epoch}00` })],
    ['seq 0', writeEnvelope({ ...sound, seq: 0, prev: 0 })],
    ['prev that is not before seq', writeEnvelope({ ...sound, prev: 9 })],
    ['no batch', written.subarray(0, 22)],
    ['seq beyond 2^53', Buffer.concat([written, field(2, 0, ...varints(9, 0xff), 1)])],
    ['prev of the wrong wire type', Buffer.concat([written, field(3, 2, 1, 8)])],
    ['batch of the wrong wire type', Buffer.concat([written, field(4, 0, 1)])],
    ['text', Buffer.from('{"epoch":"00"}')],
  ])('%s is refused', (_, bytes) => {
    expect(outcome(() => readEnvelope(bytes))).toMatch(/^(ENVELOPE|WIRE)_MALFORMED$/);
  });

  it('is refused wherever it is cut off', () => {
    for (let at = 0; at < written.length; at++) {
      expect(outcome(() => readEnvelope(written.subarray(0, at)))).toMatch(/^(ENVELOPE|WIRE)_MALFORMED$/);
    }
  });
});
