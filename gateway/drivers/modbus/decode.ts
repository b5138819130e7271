/**
 * Registers to values. A reader is chosen once for each tag; reading is then one call on the bytes of the answer as
 * they came from the socket.
 */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import type { ModbusTag, ModbusType, ModbusWordOrder } from './config.ts';

/**
 * Reads one value at a byte offset. NaN says that the device has no number there, an infinity that the number does
 * not fit, null that the bytes are no value of this type.
 */
export type Reader = (view: DataView, at: number) => number | boolean | string | null;

/** Registers that a type takes; for coils and discrete inputs, bits. A string says itself how many. */
const WIDTH: Record<Exclude<ModbusType, 'string'>, 1 | 2 | 4> = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 1,
  uint16: 1,
  bcd16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  bcd32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
};

/** Registers that one value takes (for coils and discrete inputs: 1, a bit). */
export function widthOf(tag: Pick<ModbusTag, 'type' | 'length'>): number {
  return tag.type === 'string' ? (tag.length ?? 1) : WIDTH[tag.type];
}

/** The quality of a value that a reader gave; only with Good is the value itself of use. */
export function qualityOf(value: ReturnType<Reader>): number {
  if (value === null) return Quality.BadDecodingError;
  if (typeof value !== 'number' || Number.isFinite(value)) return Quality.Good;
  // Not a number is the way in which float devices say "no measurement"; an infinity has no room in a double.
  return Number.isNaN(value) ? Quality.BadSensorFailure : Quality.BadOutOfRange;
}

const scratch = new DataView(new ArrayBuffer(8));

/** Brings the registers of a number into standard order; the result is in `scratch`. */
type Arrange = (view: DataView, at: number) => void;

const swapBytes = (word: number) => ((word & 0xff) << 8) | (word >> 8);

/** The order that a word of eight letters means is that of its four-letter pattern. */
const PATTERN: Record<ModbusWordOrder, 'ABCD' | 'CDAB' | 'BADC' | 'DCBA'> = {
  ABCD: 'ABCD',
  CDAB: 'CDAB',
  BADC: 'BADC',
  DCBA: 'DCBA',
  ABCDEFGH: 'ABCD',
  GHEFCDAB: 'CDAB',
  BADCFEHG: 'BADC',
  HGFEDCBA: 'DCBA',
};

/** Orders other than ABCD, for a value of `words` registers. */
function arrange(order: 'CDAB' | 'BADC' | 'DCBA', words: number): Arrange {
  const last = 2 * (words - 1);
  if (order === 'CDAB') {
    return (view, at) => {
      for (let i = 0; i <= last; i += 2) scratch.setUint16(last - i, view.getUint16(at + i));
    };
  }
  if (order === 'BADC') {
    return (view, at) => {
      for (let i = 0; i <= last; i += 2) scratch.setUint16(i, view.getUint16(at + i, true));
    };
  }
  return (view, at) => {
    for (let i = 0; i <= last; i += 2) scratch.setUint16(last - i, view.getUint16(at + i, true));
  };
}

/** 2^53 − 1 is the last integer that a double holds exactly; what does not fit is said to be infinite. */
function exact(high: number, low: number): number {
  const value = high * 0x1_0000_0000 + low;
  return Number.isSafeInteger(value) ? value : high < 0 ? -Infinity : Infinity;
}

/** Four decimal digits of four bits each; null when one of them is beyond 9. */
function digits(word: number): number | null {
  const [a, b, c, d] = [word >> 12, (word >> 8) & 15, (word >> 4) & 15, word & 15];
  return a > 9 || b > 9 || c > 9 || d > 9 ? null : 1000 * a + 100 * b + 10 * c + d;
}

const PLAIN: Record<
  Exclude<ModbusType, 'bool' | 'int8' | 'uint8' | 'string'>,
  (view: DataView, at: number) => number | null
> = {
  int16: (view, at) => view.getInt16(at),
  uint16: (view, at) => view.getUint16(at),
  int32: (view, at) => view.getInt32(at),
  uint32: (view, at) => view.getUint32(at),
  int64: (view, at) => exact(view.getInt32(at), view.getUint32(at + 4)),
  uint64: (view, at) => exact(view.getUint32(at), view.getUint32(at + 4)),
  float32: (view, at) => view.getFloat32(at),
  float64: (view, at) => view.getFloat64(at),
  bcd16: (view, at) => digits(view.getUint16(at)),
  bcd32: (view, at) => {
    const high = digits(view.getUint16(at));
    const low = digits(view.getUint16(at + 2));
    return high === null || low === null ? null : 10_000 * high + low;
  },
};

export type Layout = Pick<ModbusTag, 'type' | 'wordOrder' | 'bit' | 'byte' | 'length' | 'encoding'>;

const readers = new Map<string, Reader>();

/**
 * The reader of a value in registers; the same one for the same layout, so that a loop over many tags of one kind
 * stays fast.
 */
export function registerReader(layout: Layout): Reader {
  const { type, wordOrder, bit, byte, length, encoding } = layout;
  const key = `${type} ${wordOrder} ${bit} ${byte} ${length} ${encoding}`;
  const known = readers.get(key);
  if (known) return known;
  const reader = makeRegisterReader(layout);
  readers.set(key, reader);
  return reader;
}

function makeRegisterReader({ type, wordOrder, bit = 0, byte, length, encoding }: Layout): Reader {
  const order = PATTERN[wordOrder];
  const swapped = order === 'BADC' || order === 'DCBA';
  if (type === 'bool') {
    const mask = swapped ? swapBytes(1 << bit) : 1 << bit;
    return (view, at) => (view.getUint16(at) & mask) !== 0;
  }
  if (type === 'int8' || type === 'uint8') {
    const skip = (byte === 'high') === swapped ? 1 : 0;
    return type === 'int8' ? (view, at) => view.getInt8(at + skip) : (view, at) => view.getUint8(at + skip);
  }
  if (type === 'string') return textReader(2 * (length ?? 1), swapped, encoding ?? 'latin1');
  const plain = PLAIN[type];
  if (order === 'ABCD' || (WIDTH[type] === 1 && !swapped)) return plain;
  const bring = arrange(order, WIDTH[type]);
  return (view, at) => {
    bring(view, at);
    return plain(scratch, 0);
  };
}

/** Text ends at the first NUL, or where nothing but blanks follows: what stands behind it is of an older, longer one. */
function textReader(bytes: number, swapped: boolean, encoding: 'latin1' | 'utf8'): Reader {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const text = Buffer.alloc(bytes);
  return (view, at) => {
    text.set(new Uint8Array(view.buffer, view.byteOffset + at, bytes));
    if (swapped) text.swap16();
    const nul = text.indexOf(0);
    const used = nul < 0 ? text : text.subarray(0, nul);
    if (encoding === 'latin1') return used.toString('latin1').replace(/ +$/, '');
    try {
      return utf8.decode(used).replace(/ +$/, '');
    } catch {
      return null;
    }
  };
}

const bitReaders: Reader[] = Array.from({ length: 8 }, (_, bit) => {
  const mask = 1 << bit;
  return (view, at) => (view.getUint8(at) & mask) !== 0;
});

/** The reader of a coil or discrete input; `index` counts from the first bit of the answer, which is bit 0 of byte 0. */
export function bitReader(index: number): Reader {
  return bitReaders[index & 7]!;
}
