/** Reads the protobuf wire format. Anything that does not fit ends in a LinesideError, never in a wrong value. */
import { isUtf8 } from 'node:buffer';
import { LinesideError } from '../errors/lineside-error.ts';

function malformed(what: string): LinesideError {
  return new LinesideError('WIRE_MALFORMED', 'peer', `malformed message: ${what}`);
}

export class ProtoReader {
  readonly #bytes: Buffer;
  #floats: DataView | undefined;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw malformed('it ends inside a value');
    return this.#bytes[this.#at++]!;
  }

  /** An unsigned varint up to 2^53; larger ones are refused. */
  varint(): number {
    const bytes = this.#bytes;
    // Most are short.
    const first = bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at++;
      return first;
    }
    let result = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = bytes[this.#at++];
      if (byte === undefined) throw malformed('it ends inside an integer');
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (result > Number.MAX_SAFE_INTEGER) throw malformed('an integer exceeds 2^53');
        return result;
      }
      scale *= 128;
    }
    throw malformed('an integer is longer than ten bytes');
  }

  /** An unsigned varint of 64 bits: a number up to 2^53, a bigint beyond. */
  uint64(): number | bigint {
    const bytes = this.#bytes;
    const start = this.#at;
    let result = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = bytes[this.#at++];
      if (byte === undefined) throw malformed('it ends inside an integer');
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result <= Number.MAX_SAFE_INTEGER ? result : this.#uint64Big(start);
      scale *= 128;
    }
    throw malformed('an integer is longer than ten bytes');
  }

  zigzag(): number {
    const start = this.#at;
    const first = this.#bytes[start];
    if (first !== undefined && first < 0x80) {
      this.#at++;
      return first % 2 === 0 ? first >> 1 : -((first + 1) >> 1);
    }
    let result = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.byte();
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (result > Number.MAX_SAFE_INTEGER) return this.#zigzagBig(start);
        return result % 2 === 0 ? result / 2 : -(result + 1) / 2;
      }
      scale *= 128;
    }
    throw malformed('an integer is longer than ten bytes');
  }

  float64(): number {
    this.#need(8);
    const value = this.#view().getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  float32(): number {
    this.#need(4);
    const value = this.#view().getFloat32(this.#at, true);
    this.#at += 4;
    return value;
  }

  /** Reads a float in a third of the time that a Buffer takes. */
  #view(): DataView {
    const { buffer, byteOffset, length } = this.#bytes;
    this.#floats ??= new DataView(buffer, byteOffset, length);
    return this.#floats;
  }

  /** A length-delimited value, as a view. */
  bytes(): Buffer {
    const length = this.varint();
    this.#need(length);
    const view = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return view;
  }

  string(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw malformed('a text is not UTF-8');
    return bytes.toString('utf8');
  }

  /** A length-delimited value, as a reader of its own. */
  nested(): ProtoReader {
    return new ProtoReader(this.bytes());
  }

  /** The next field's number and wire type. */
  key(): { field: number; wire: number } {
    const key = this.varint();
    if (key < 8) throw malformed('field 0 does not exist');
    return { field: Math.floor(key / 8), wire: key % 8 };
  }

  /** Requires the wire type that the schema gives a field. */
  expect(wire: number, wanted: number, field: string): void {
    if (wire !== wanted) throw malformed(`field ${field} has wire type ${wire} instead of ${wanted}`);
  }

  /** Passes over a field that this version does not know. */
  skip(wire: number): void {
    if (wire === 0) this.uint64();
    else if (wire === 1) this.#advance(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.#advance(4);
    else throw malformed(`wire type ${wire} does not exist`);
  }

  #advance(bytes: number): void {
    this.#need(bytes);
    this.#at += bytes;
  }

  #need(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw malformed('it ends inside a value');
  }

  /** The varint at `start`, of which the end has been seen. */
  #big(start: number): bigint {
    let result = 0n;
    let at = start;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[at++]!;
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
  }

  #uint64Big(start: number): bigint {
    const result = this.#big(start);
    if (result >= 1n << 64n) throw malformed('an integer exceeds 2^64');
    return result;
  }

  #zigzagBig(start: number): number {
    const result = this.#big(start);
    const value = Number(result % 2n === 0n ? result / 2n : -(result + 1n) / 2n);
    if (!Number.isSafeInteger(value)) throw malformed('an integer exceeds 2^53');
    return value;
  }
}
