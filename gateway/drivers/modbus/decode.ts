/**
 * Registers to values. A reader is chosen once for each tag, when the requests are planned; reading is then one
 * call on the bytes of the answer as they came from the socket.
 */
import type { ModbusType, ModbusWordOrder } from './config.ts';

/**
 * Reads one value at a byte offset. NaN says that the device has no number there; an infinity says that the
 * number does not fit.
 */
export type Reader = (view: DataView, at: number) => number | boolean;

/** Registers that a type takes; for coils and discrete inputs, bits. */
export const WIDTH: Record<ModbusType, number> = {
  bool: 1,
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
};

const scratch = new DataView(new ArrayBuffer(8));

/** Brings two registers into standard order; the result is in `scratch`. */
type Arrange = (view: DataView, at: number) => void;

const swapBytes = (word: number) => ((word & 0xff) << 8) | (word >> 8);

/** Orders other than ABCD, for a value of `words` registers. */
function arrange(order: ModbusWordOrder, words: number): Arrange {
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

const PLAIN: Record<Exclude<ModbusType, 'bool'>, (view: DataView, at: number) => number> = {
  int16: (view, at) => view.getInt16(at),
  uint16: (view, at) => view.getUint16(at),
  int32: (view, at) => view.getInt32(at),
  uint32: (view, at) => view.getUint32(at),
  int64: (view, at) => exact(view.getInt32(at), view.getUint32(at + 4)),
  uint64: (view, at) => exact(view.getUint32(at), view.getUint32(at + 4)),
  float32: (view, at) => view.getFloat32(at),
  float64: (view, at) => view.getFloat64(at),
};

const readers = new Map<string, Reader>();

/**
 * The reader of a value in registers; the same one for the same arguments, so that a loop over many tags of one
 * kind stays fast.
 *
 * @param bit for bool: bit of the register, 0 is the least significant
 */
export function registerReader(type: ModbusType, order: ModbusWordOrder, bit = 0): Reader {
  const key = `${type} ${order} ${bit}`;
  const known = readers.get(key);
  if (known) return known;
  const reader = makeRegisterReader(type, order, bit);
  readers.set(key, reader);
  return reader;
}

function makeRegisterReader(type: ModbusType, order: ModbusWordOrder, bit: number): Reader {
  const swapped = order === 'BADC' || order === 'DCBA';
  if (type === 'bool') {
    const mask = swapped ? swapBytes(1 << bit) : 1 << bit;
    return (view, at) => (view.getUint16(at) & mask) !== 0;
  }
  const plain = PLAIN[type];
  if (order === 'ABCD' || (WIDTH[type] === 1 && !swapped)) return plain;
  const bring = arrange(order, WIDTH[type]);
  return (view, at) => {
    bring(view, at);
    return plain(scratch, 0);
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
