/** The settings of a Modbus TCP device and of its tags. */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };

export const ModbusDevice = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      description:
        'Name or address of the device or of the gateway in front of it. Devices with the same host and port share one connection.',
    }),
    port: Type.Integer({ minimum: 1, maximum: 65535, default: 502, description: 'TCP port.' }),
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
    timeoutMs: Type.Integer({
      minimum: 50,
      maximum: 60_000,
      default: 1000,
      description: 'How long an answer may take before the device counts as down, in milliseconds.',
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

export const ModbusType = Type.Union(
  (['bool', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64'] as const).map((type) =>
    Type.Literal(type),
  ),
  {
    description:
      'Type of the value in the registers. bool is for coils, discrete inputs and single bits of a register. A 64-bit integer beyond 2^53 − 1 becomes Bad rather than wrong.',
  },
);
export type ModbusType =
  | 'bool'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64';

export const ModbusWordOrder = Type.Union(
  [Type.Literal('ABCD'), Type.Literal('CDAB'), Type.Literal('BADC'), Type.Literal('DCBA')],
  {
    default: 'ABCD',
    description:
      'Order of the bytes in the registers. ABCD: most significant first, as the standard has it; CDAB: least significant register first; BADC: bytes swapped in each register; DCBA: least significant byte first.',
  },
);
export type ModbusWordOrder = Static<typeof ModbusWordOrder>;

export const ModbusTag = Type.Object(
  {
    address: Type.String({
      minLength: 1,
      description:
        'Table and address, counted from 0 as on the wire: holding:100, input:0, coil:0 or discrete:3. Manuals that count from 40001 mean holding:0.',
    }),
    type: ModbusType,
    bit: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 15,
        description: 'Bit of the register, 0 is the least significant. Only with type bool.',
      }),
    ),
    wordOrder: ModbusWordOrder,
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
export type ModbusTag = Omit<Static<typeof ModbusTag>, 'type'> & { type: ModbusType };
