/**
 * Writes the protobuf wire format (protobuf.dev/programming-guides/encoding) into one growing buffer.
 *
 * Hand-written because a batch is columns of small integers: a general library spends an object a 64-bit integer,
 * and this is the path of every sample. test/shared/wire holds it against protobufjs, in both directions.
 */
const TWO_32 = 0x1_0000_0000;

/** Largest magnitude whose zigzag form is still an exact double. */
const ZIGZAG_EXACT = 2 ** 51;

export class ProtoWriter {
  #buffer: Buffer;
  #view: DataView;
  #length = 0;

  constructor(initialBytes = 1024) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
    this.#view = viewOf(this.#buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Empties the writer and keeps its memory. */
  reset(): void {
    this.#length = 0;
  }

  /** A view on what has been written; valid until the next write or reset. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** An unsigned varint, exact up to 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    if (value < 128) {
      buffer[this.#length++] = value;
      return;
    }
    let rest = value;
    let at = this.#length;
    while (rest >= TWO_32) {
      buffer[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    rest >>>= 0;
    while (rest > 127) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    this.#length = at;
  }

  /** An unsigned varint of 64 bits: a number up to 2^53, or a bigint. */
  uint64(value: number | bigint): void {
    if (typeof value === 'number') {
      this.varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, value);
    while (rest > 127n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  /** A signed integer as sint32/sint64: small magnitudes become small varints. */
  zigzag(value: number): void {
    if (value > -ZIGZAG_EXACT && value < ZIGZAG_EXACT) {
      this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
      return;
    }
    let rest = value >= 0 ? BigInt(value) * 2n : -BigInt(value) * 2n - 1n;
    this.#reserve(10);
    while (rest > 127n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  /** Each value's difference to `base` as a zigzag; with `chained`, to the value before it. */
  differences(values: readonly number[], base: number, chained: boolean): void {
    this.#reserve(10 * values.length);
    const buffer = this.#buffer;
    let at = this.#length;
    let last = base;
    for (let i = 0; i < values.length; i++) {
      const difference = values[i]! - last;
      if (chained) last = values[i]!;
      // One byte without a call: nearly all are that small.
      if (difference > -64 && difference < 64 && Number.isInteger(difference)) {
        buffer[at++] = difference >= 0 ? difference * 2 : -difference * 2 - 1;
        continue;
      }
      this.#length = at;
      this.zigzag(Number.isSafeInteger(difference) ? difference : whole(difference));
      at = this.#length;
    }
    this.#length = at;
  }

  /** The same byte so many times. */
  fill(byte: number, count: number): void {
    this.#reserve(count);
    this.#buffer.fill(byte, this.#length, this.#length + count);
    this.#length += count;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  float32(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  /** Field key and varint value; nothing when it is the default 0. */
  uintField(field: number, value: number): void {
    if (value === 0) return;
    this.varint(field * 8);
    this.varint(value);
  }

  /** A length-delimited field; nothing when it is empty and `always` is not set. */
  bytesField(field: number, bytes: Uint8Array, always = false): void {
    if (bytes.length === 0 && !always) return;
    this.varint(field * 8 + 2);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Bytes that are encoded already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  stringField(field: number, text: string, always = false): void {
    if (text === '' && !always) return;
    const bytes = Buffer.byteLength(text);
    this.varint(field * 8 + 2);
    this.varint(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(text, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    this.#view = viewOf(grown);
  }
}

function whole(difference: number): number {
  const rounded = Math.round(difference);
  return Number.isSafeInteger(rounded) ? rounded : 0;
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
