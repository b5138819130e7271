/** Values to registers, the other way of decode.ts. */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { ModbusType } from './config.ts';
import { type Layout, widthOf } from './decode.ts';

/** What to write: whole registers, or some bits of one register. */
export type Encoded = { bytes: Buffer } | { mask: number; bits: number };

const RANGES: Partial<Record<ModbusType, [least: number, most: number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-2_147_483_648, 2_147_483_647],
  uint32: [0, 4_294_967_295],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  bcd16: [0, 9999],
  bcd32: [0, 99_999_999],
  float32: [-3.4028234663852886e38, 3.4028234663852886e38],
};

const swapBytes = (word: number) => ((word & 0xff) << 8) | (word >> 8);

/**
 * Lays a value out as the registers of a tag. A number between two whole ones becomes the nearer of them where the
 * type has only whole ones: after scaling back, 21.5 is 215.00000000000003.
 *
 * @returns a string when the value has no place there: why, for an operator
 */
export function encode(layout: Layout, value: Value): Encoded | string {
  const { type, wordOrder, bit = 0, byte } = layout;
  const swapped = /^(BA|DCBA|HG)/.test(wordOrder);
  const wordsTurned = /^(CD|DCBA|GH|HG)/.test(wordOrder);
  if (type === 'bool') {
    if (!isBit(value)) return `${JSON.stringify(value)} is not true or false`;
    const mask = swapped ? swapBytes(1 << bit) : 1 << bit;
    return { mask, bits: value ? mask : 0 };
  }
  if (type === 'string') return encodeText(layout, value, swapped);
  if (typeof value !== 'number' || !Number.isFinite(value)) return `${JSON.stringify(value)} is not a number`;
  const whole = type === 'float32' || type === 'float64' ? value : Math.round(value);
  const range = RANGES[type];
  if (range && (whole < range[0] || whole > range[1])) {
    return `${whole} does not fit ${type}, which goes from ${range[0]} to ${range[1]}`;
  }
  if (type === 'int8' || type === 'uint8') {
    const high = (byte === 'high') !== swapped;
    return high ? { mask: 0xff00, bits: (whole & 0xff) << 8 } : { mask: 0xff, bits: whole & 0xff };
  }
  const bytes = Buffer.alloc(2 * widthOf(layout));
  writeNumber(bytes, type, whole);
  if (wordsTurned) turnWords(bytes);
  if (swapped) bytes.swap16();
  return { bytes };
}

/** Names of booleans stand for 0 and 1. */
export function isBit(value: Value): value is boolean | 0 | 1 {
  return typeof value === 'boolean' || value === 0 || value === 1;
}

function writeNumber(bytes: Buffer, type: Exclude<ModbusType, 'bool' | 'int8' | 'uint8' | 'string'>, value: number) {
  switch (type) {
    case 'int16':
      return bytes.writeInt16BE(value);
    case 'uint16':
      return bytes.writeUInt16BE(value);
    case 'int32':
      return bytes.writeInt32BE(value);
    case 'uint32':
      return bytes.writeUInt32BE(value);
    case 'int64':
      return bytes.writeBigInt64BE(BigInt(value));
    case 'uint64':
      return bytes.writeBigUInt64BE(BigInt(value));
    case 'float32':
      return bytes.writeFloatBE(value);
    case 'float64':
      return bytes.writeDoubleBE(value);
    default:
      return bytes.write(String(value).padStart(2 * bytes.length, '0'), 'hex');
  }
}

function turnWords(bytes: Buffer): void {
  const words = bytes.length >> 1;
  for (let i = 0; i < words >> 1; i++) {
    const word = bytes.readUInt16BE(2 * i);
    bytes.writeUInt16BE(bytes.readUInt16BE(2 * (words - 1 - i)), 2 * i);
    bytes.writeUInt16BE(word, 2 * (words - 1 - i));
  }
}

function encodeText(layout: Layout, value: Value, swapped: boolean): Encoded | string {
  if (typeof value !== 'string') return `${JSON.stringify(value)} is not a text`;
  const encoding = layout.encoding ?? 'latin1';
  const text = Buffer.from(value, encoding);
  const bytes = Buffer.alloc(2 * widthOf(layout));
  if (text.length > bytes.length) return `the text takes ${text.length} bytes and there is room for ${bytes.length}`;
  if (text.toString(encoding) !== value) return `the text has characters that ${encoding} has not`;
  text.copy(bytes);
  if (swapped) bytes.swap16();
  return { bytes };
}
