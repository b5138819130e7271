/** What sparkplug.proto says: held against protobufjs in both directions, and against Google's own decoder. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { ProtoWriter } from '@lineside/shared/wire/proto-writer.ts';
import { DataType, type Metric, type Payload } from '@lineside/shared/wire/sparkplug/payload.ts';
import { readPayload } from '@lineside/shared/wire/sparkplug/payload-reader.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import { type SparkplugValue, sparkplugValue, wireValue } from '@lineside/shared/wire/sparkplug/value.ts';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { protocDecode } from '../../../services/protoc.ts';

const PROTO = fileURLToPath(new URL('../../../../shared/wire/sparkplug/sparkplug.proto', import.meta.url));
const PayloadType = protobuf
  .parse(readFileSync(PROTO, 'utf8'), { keepCase: true })
  .root.lookupType('org.eclipse.tahu.protobuf.Payload');

const AT = 1_795_337_589_000;

/** Every type that a metric can have, at its ends. */
const VALUES: [keyof typeof DataType, Exclude<SparkplugValue, null>][] = [
  ['Int8', -128],
  ['Int8', 127],
  ['Int16', -32_768],
  ['Int32', -2_147_483_648],
  ['Int32', 2_147_483_647],
  ['Int64', -1],
  ['Int64', Number.MIN_SAFE_INTEGER],
  ['Int64', -(2n ** 63n)],
  ['Int64', 2n ** 63n - 1n],
  ['UInt8', 255],
  ['UInt16', 65_535],
  ['UInt32', 4_294_967_295],
  ['UInt64', 0],
  ['UInt64', 2n ** 64n - 1n],
  ['Float', -0.5],
  ['Float', Number.NaN],
  ['Double', 1e300],
  ['Boolean', true],
  ['Boolean', false],
  ['String', ''],
  ['String', 'Störung µ'],
  ['Text', 'a\nb'],
  ['UUID', '6b7c9d8e-0000-4000-8000-1234567890ab'],
  ['DateTime', AT],
  ['Bytes', Buffer.from([0, 255])],
  ['File', Buffer.alloc(0)],
  ['Int16Array', Buffer.from([1, 0, 255, 255])],
  ['BooleanArray', Buffer.from([2, 0, 0, 0, 0x80])],
  ['DateTimeArray', Buffer.alloc(8)],
];

function full(): Payload {
  const metrics: Metric[] = VALUES.map(([type, value], i) => ({
    name: `folder/${type} ${i}`,
    alias: i === 0 ? 2n ** 64n - 1n : i,
    timestamp: AT + i,
    datatype: DataType[type],
    value: wireValue(DataType[type], value),
  }));
  metrics.push({
    alias: 100,
    timestamp: AT,
    isHistorical: true,
    isTransient: true,
    isNull: true,
    properties: [
      { key: 'engUnit', type: DataType.String, isNull: false, value: wireValue(DataType.String, 'Cel') },
      { key: 'Quality', type: DataType.Int32, isNull: false, value: wireValue(DataType.Int32, 500) },
      { key: 'low', type: DataType.Double, isNull: true, value: undefined },
    ],
  });
  return { timestamp: AT, seq: 0, uuid: 'none', body: Buffer.from('body'), metrics };
}

describe('a Sparkplug payload', () => {
  it('comes back as it was', () => {
    expect(readPayload(writePayload(full()))).toStrictEqual(full());
  });

  it('is the protobuf of the .proto, in both directions', () => {
    const bytes = writePayload(full());
    const plain = PayloadType.decode(bytes);
    const again = PayloadType.encode(plain).finish();
    expect(readPayload(again)).toStrictEqual(full());
    const object = PayloadType.toObject(plain, { longs: String, enums: Number });
    expect(object.metrics[0]).toMatchObject({ alias: '18446744073709551615', datatype: 1, int_value: 128 });
    expect(object.metrics[5]).toMatchObject({ long_value: '18446744073709551615' });
  });

  it.each(VALUES)('has a %s of %s', (type, value) => {
    expect(sparkplugValue({ datatype: DataType[type], value: wireValue(DataType[type], value) })).toEqual(value);
  });
});

describe('a value', () => {
  /** What other senders make of it, and what it is. */
  const READ: [string, keyof typeof DataType, Metric['value'], SparkplugValue][] = [
    ['in the width of the field', 'Int8', { kind: 'int', value: 0xffff_ff80 }, -128],
    ['in a long field', 'Int32', { kind: 'long', value: 2n ** 64n - 5n }, -5],
    ['in long_value', 'UInt32', { kind: 'long', value: 4_294_967_295 }, 4_294_967_295],
    ['in int_value', 'UInt32', { kind: 'int', value: 4_294_967_295 }, 4_294_967_295],
    ['in int_value', 'Int64', { kind: 'int', value: 7 }, 7],
    ['in double_value', 'Float', { kind: 'double', value: 1.5 }, 1.5],
    ['without a type', 'Unknown', { kind: 'boolean', value: true }, true],
    ['that is not there', 'Double', undefined, null],
  ];

  it.each(READ)('%s is a %s', (_, type, wire, value) => {
    expect(sparkplugValue({ datatype: DataType[type], ...(wire ? { value: wire } : {}) })).toBe(value);
  });

  const UNFIT: [string, keyof typeof DataType, Metric['value']][] = [
    ['too large', 'UInt8', { kind: 'int', value: 256 }],
    ['too small', 'Int8', { kind: 'int', value: 0xffff_ff7f }],
    ['a text', 'Int32', { kind: 'string', value: '7' }],
    ['a number', 'String', { kind: 'int', value: 7 }],
    ['a number', 'Boolean', { kind: 'int', value: 1 }],
    ['a template', 'Template', { kind: 'template', value: Buffer.alloc(3) }],
    ['a data set', 'DataSet', { kind: 'dataset', value: Buffer.alloc(3) }],
  ];

  it.each(UNFIT)('that is %s is no %s', (_, type, value) => {
    expect(() => sparkplugValue({ datatype: DataType[type], ...(value ? { value } : {}) })).toThrow(
      expect.objectContaining({ code: 'SPARKPLUG_VALUE', blame: 'peer' }),
    );
  });

  const UNWRITABLE: [unknown, keyof typeof DataType][] = [
    [1.5, 'Int32'],
    [256, 'UInt8'],
    [-1, 'UInt64'],
    ['7', 'Int64'],
    [7, 'String'],
    ['a', 'Bytes'],
    [7, 'Template'],
  ];

  it.each(UNWRITABLE)('%s is not written as %s', (value, type) => {
    expect(() => wireValue(DataType[type], value as number)).toThrow(
      expect.objectContaining({ code: 'SPARKPLUG_VALUE' }),
    );
  });
});

function inField(number: number, content: Uint8Array): Buffer {
  const writer = new ProtoWriter();
  writer.bytesField(number, content, true);
  return Buffer.from(writer.view());
}

describe('a malformed payload', () => {
  const metric = (...content: number[]) => inField(2, Buffer.from(content));
  const key = inField(1, Buffer.from('a'));
  const CASES: [string, Buffer][] = [
    ['text', Buffer.from('{"timestamp":1}')],
    ['seq 256', Buffer.from([3 * 8, 0x80, 2])],
    ['a time after the year 275760', Buffer.from([8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['an integer of more than 64 bits', Buffer.from([8, ...new Array<number>(9).fill(0xff), 2])],
    ['a metric that is a number', Buffer.from([2 * 8, 1])],
    ['a name that is not UTF-8', metric(1 * 8 + 2, 1, 0xff)],
    ['a name cut off', metric(1 * 8 + 2, 5, 0x61)],
    ['an int_value of the wrong wire type', metric(10 * 8 + 2, 0)],
    ['half a double', metric(13 * 8 + 1, 0, 0)],
    ['a key without a value', inField(2, inField(9, key))],
    ['a group', metric(0xa3, 1)],
    ['101 properties', inField(2, inField(9, Buffer.concat(new Array<Buffer>(101).fill(key))))],
    ['250,001 metrics', Buffer.concat(new Array<Buffer>(250_001).fill(metric()))],
    ['more than 16 MiB', inField(5, Buffer.alloc(16 * 1024 * 1024))],
  ];

  it.each(CASES)('%s is refused', (_, bytes) => {
    expect(() => readPayload(bytes)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(SPARKPLUG|WIRE)_MALFORMED$/), blame: 'peer' }),
    );
  });

  it('is refused or read wherever it is cut off, and nothing else', () => {
    const whole = writePayload(full());
    for (let length = 0; length < whole.length; length++) {
      try {
        readPayload(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(LinesideError);
      }
    }
  });

  it('is not what has templates and data sets nested without end, or fields of a later version', () => {
    let nested: Uint8Array = Buffer.from([1 * 8 + 2, 1, 0x61]);
    for (let depth = 0; depth < 1_000; depth++) nested = inField(2, nested);
    const later = Buffer.from([7 * 8, ...new Array<number>(9).fill(0xff), 1]);
    const bytes = Buffer.concat([
      inField(2, Buffer.concat([inField(18, nested), inField(8, nested), inField(30, nested)])),
      inField(2, inField(17, nested)),
      later,
    ]);
    expect(readPayload(bytes).metrics.map(({ value }) => value?.kind)).toEqual(['template', 'dataset']);
  });
});

describe.skipIf(!protocDecode)('a payload, read by protoc', () => {
  it('has every field where the specification has it', async () => {
    await expect(protocDecode?.(PROTO, writePayload(full()))).toMatchFileSnapshot('testcases/all-types.txt');
  });
});
