/**
 * Requests, laid out once and sent as often as wanted, and what a right answer to each is (Modbus application
 * protocol V1.1b3, 6).
 */
import { crc16 } from './crc16.ts';

/** Header of Modbus TCP without the unit: transaction, protocol, length. */
export const MBAP_HEADER = 6;

export interface Request {
  readonly unit: number;
  /** Function code: 1 to 4 and 23 give values, 5, 6, 15, 16 and 22 are echoed. */
  readonly code: number;
  /** Bytes of values in a right answer; of an echo, bytes behind the function code. */
  readonly bytes: number;
  /** For a write: what a right answer repeats behind the function code. */
  readonly echo: Buffer | null;
  /** As it goes on the wire of Modbus TCP; the transport fills in the transaction id. */
  readonly adu: Buffer;
  /** As it goes on a serial line: without header, with checksum. */
  readonly rtu: Buffer;
}

function request(unit: number, code: number, body: Uint8Array, bytes: number, echo: number): Request {
  const whole = Buffer.alloc(MBAP_HEADER + 2 + body.length + 2);
  whole.writeUInt16BE(2 + body.length, 4);
  whole[MBAP_HEADER] = unit;
  whole[MBAP_HEADER + 1] = code;
  whole.set(body, MBAP_HEADER + 2);
  const adu = whole.subarray(0, -2);
  const rtu = whole.subarray(MBAP_HEADER);
  rtu.writeUInt16LE(crc16(rtu, 0, rtu.length - 2), rtu.length - 2);
  return { unit, code, bytes, echo: echo > 0 ? Buffer.from(body.subarray(0, echo)) : null, adu, rtu };
}

const words = (...values: number[]) => Buffer.from(values.flatMap((value) => [(value >> 8) & 0xff, value & 0xff]));

/** Functions 1 to 4. */
export function readRequest(unit: number, code: number, offset: number, count: number): Request {
  return request(unit, code, words(offset, count), code <= 2 ? (count + 7) >> 3 : 2 * count, 0);
}

/** Function 5. */
export function writeCoil(unit: number, offset: number, on: boolean): Request {
  return request(unit, 5, words(offset, on ? 0xff00 : 0), 4, 4);
}

/** Function 6. */
export function writeRegister(unit: number, offset: number, value: number): Request {
  return request(unit, 6, words(offset, value), 4, 4);
}

/** Function 15. */
export function writeCoils(unit: number, offset: number, on: readonly boolean[]): Request {
  const bits = Buffer.alloc((on.length + 7) >> 3);
  on.forEach((one, i) => {
    if (one) bits[i >> 3]! |= 1 << (i & 7);
  });
  return request(unit, 15, Buffer.concat([words(offset, on.length), Buffer.of(bits.length), bits]), 4, 4);
}

/** Function 16; the bytes as they go on the wire, two a register, at most 246. */
export function writeRegisters(unit: number, offset: number, bytes: Uint8Array): Request {
  const body = Buffer.concat([words(offset, bytes.length >> 1), Buffer.of(bytes.length), bytes]);
  return request(unit, 16, body, 4, 4);
}

/** Function 22: the register becomes `(old AND and) OR (or AND NOT and)`, in one step inside the device. */
export function maskWrite(unit: number, offset: number, and: number, or: number): Request {
  return request(unit, 22, words(offset, and, or), 6, 6);
}

/** Function 23: writes first, then reads, in one step; at most 121 registers written and 125 read. */
export function readWrite(
  unit: number,
  read: { offset: number; count: number },
  write: { offset: number; bytes: Uint8Array },
): Request {
  const head = words(read.offset, read.count, write.offset, write.bytes.length >> 1);
  const body = Buffer.concat([head, Buffer.of(write.bytes.length), write.bytes]);
  return request(unit, 23, body, 2 * read.count, 0);
}

/** Where in an answer, counted from the unit, the part lies that `answered` hands over. */
export function payloadAt(request: Request): number {
  return request.echo ? 2 : 3;
}

/** Size of a right answer from the unit to the last value. */
export function answerSize(request: Request): number {
  return payloadAt(request) + request.bytes;
}

/** An exception answer: unit, function, exception. */
export const EXCEPTION_SIZE = 3;

/** Whether an answer of the right function and size, `at` its unit, is the answer to this request. */
export function fits(request: Request, view: DataView, at: number): boolean {
  const { echo } = request;
  if (!echo) return view.getUint8(at + 2) === request.bytes;
  for (let i = 0; i < echo.length; i++) if (view.getUint8(at + 2 + i) !== echo[i]) return false;
  return true;
}

/** What is wrong with an answer from the unit that was asked, in words for an operator. */
export function mismatch(request: Request, view: DataView, at: number, size: number): string {
  const unit = view.getUint8(at);
  const code = view.getUint8(at + 1);
  if (unit !== request.unit) {
    return `unit ${unit} answered for unit ${request.unit}: check unitId and the gateway's routing`;
  }
  if (code !== request.code) return `the device answered function ${code} where function ${request.code} was asked`;
  if (request.echo) return 'the device confirmed another write than it was asked for';
  return `the device answered ${Math.max(0, size - 3)} bytes where ${request.bytes} were asked: try a smaller maxBlock`;
}
