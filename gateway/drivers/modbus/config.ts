/** The settings of a Modbus device and of its tags. */
import { type Static, Type } from 'typebox';
import { connectionSettings } from './connection-config.ts';

const closed = { additionalProperties: false };

export const ModbusDevice = Type.Object(
  {
    ...connectionSettings,
    unitId: Type.Integer({
      minimum: 0,
      maximum: 255,
      default: 1,
      description: 'Unit (slave) id, 0 to 255. Most devices with their own network port take 1 or 255.',
    }),
    pollMs: Type.Integer({
      minimum: 10,
      maximum: 86_400_000,
      default: 1000,
      description: 'How often all tags are read, in milliseconds, on a fixed grid.',
    }),
    maxGap: Type.Integer({
      minimum: 0,
      maximum: 124,
      default: 8,
      description:
        'How many registers that nobody asked for may be read along to save a request, in registers (for coils and discrete inputs: times 16 bits).',
    }),
    maxBlock: Type.Integer({
      minimum: 1,
      maximum: 125,
      default: 125,
      description:
        'Most registers in one request (for coils and discrete inputs: times 16 bits). Some devices take fewer than 125.',
    }),
    coalesce: Type.Boolean({
      default: true,
      description:
        'Whether neighbours are read by one request. Without it every tag has a request of its own; only tags of the very same registers share one.',
    }),
    forbidden: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      maxItems: 1000,
      description:
        'Ranges that no request may touch, not even to read across, such as holding:40-49, input:7 or the manual’s 40041-40050.',
    }),
    answerMs: Type.Number({
      minimum: 0,
      maximum: 60_000,
      default: 5,
      description:
        'How long the device usually takes until it answers, in milliseconds. Only for reckoning, in `gateway check`, whether all periods can be kept.',
    }),
    retryMinMs: Type.Integer({
      minimum: 100,
      maximum: 600_000,
      default: 500,
      description:
        'First pause before a device that failed is tried again, in milliseconds. Doubles with each failure.',
    }),
    retryMaxMs: Type.Integer({
      minimum: 100,
      maximum: 600_000,
      default: 15_000,
      description: 'Longest pause before a device that failed is tried again, in milliseconds.',
    }),
    refusedRetryMs: Type.Integer({
      minimum: 1000,
      maximum: 86_400_000,
      default: 30_000,
      description:
        'How often a tag that the device refuses to read is tried again, in milliseconds. The other tags are read meanwhile.',
    }),
  },
  closed,
);
export type ModbusDevice = Static<typeof ModbusDevice>;

const TYPES = [
  'bool',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
  'string',
] as const;
export type ModbusType = (typeof TYPES)[number];

export const ModbusType = Type.Union(
  TYPES.map((type) => Type.Literal(type)),
  {
    description:
      'Type of the value in the registers. bool is for coils, discrete inputs and single bits of a register; int8 and uint8 are one byte of a register; bcd16 and bcd32 have one decimal digit in four bits. A 64-bit integer beyond 2^53 − 1 and a digit beyond 9 become Bad rather than wrong.',
  },
);

const WORD_ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA', 'ABCDEFGH', 'GHEFCDAB', 'BADCFEHG', 'HGFEDCBA'] as const;
export type ModbusWordOrder = (typeof WORD_ORDERS)[number];

export const ModbusWordOrder = Type.Union(
  WORD_ORDERS.map((order) => Type.Literal(order)),
  {
    default: 'ABCD',
    description:
      'Order of the bytes in the registers. ABCD: most significant first, as the standard has it; CDAB: least significant register first; BADC: bytes swapped in each register; DCBA: least significant byte first. The same words hold for 64 bits, where they may also be written as ABCDEFGH, GHEFCDAB, BADCFEHG and HGFEDCBA.',
  },
);

/** Elements of an array. */
const MAX_COUNT = 2000;

export const ModbusTag = Type.Object(
  {
    address: Type.Union([Type.String({ minLength: 1 }), Type.Integer()], {
      description:
        'Table and address counted from 0 as on the wire (holding:100, input:0, coil:0, discrete:3), or the number of the manual, which counts from 1 (40101 or 400101, 30001, 10004; coils in quotes: "00001").',
    }),
    type: ModbusType,
    bit: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 15,
        description: 'Bit of the register, 0 is the least significant. Only with type bool.',
      }),
    ),
    byte: Type.Optional(
      Type.Union([Type.Literal('high'), Type.Literal('low')], {
        description:
          'Byte of the register. Only with int8 and uint8. Without it: low; in an array, the first element is the high one.',
      }),
    ),
    wordOrder: ModbusWordOrder,
    length: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 125,
        description: 'Registers that a string takes, two characters each. Only with type string, and needed there.',
      }),
    ),
    encoding: Type.Optional(
      Type.Union([Type.Literal('latin1'), Type.Literal('utf8')], {
        description: 'Characters of a string. Without it: latin1. Only with type string.',
      }),
    ),
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_COUNT,
        description:
          'Makes it an array: so many values one behind the other, which become the tags name[0], name[1] and so on.',
      }),
    ),
    pollMs: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 86_400_000,
        description: 'How often this tag is read, in milliseconds, when other than for the device.',
      }),
    ),
  },
  closed,
);
export type ModbusTag = Omit<Static<typeof ModbusTag>, 'type' | 'wordOrder'> & {
  type: ModbusType;
  wordOrder: ModbusWordOrder;
};
