/**
 * RTU frames on a stream: a serial port, or a device server that passes its bytes on (Modbus over serial line V1.02).
 *
 * A frame has no beginning, no length and no transaction id. So an answer is looked for where unit, function, length
 * and checksum agree with what was asked, noise ahead of it is skipped, and what is no frame is thrown away after a
 * silence. And a late answer could pass for the answer to the next request of the same form: after a request was
 * given up, the unit is first asked for something of another form. Units answer in the order of asking, so with that
 * answer everything late has gone by.
 */
import { crc16 } from './crc16.ts';
import { answerSize, EXCEPTION_SIZE, fits, mismatch, payloadAt, type Request, readRequest } from './request.ts';
import type { ByteStream, OpenStream, Transport, TransportEvents } from './transport.ts';

const LARGEST_FRAME = 256;
const CRC_SIZE = 2;

/** Silence after which bytes that make no frame are given up: longer than the pauses of USB adapters. Milliseconds. */
const SETTLE_MS = 20;

/** What a given-up read would still be answered with. */
interface Late {
  unit: number;
  code: number;
  bytes: number;
}

export interface RtuOptions {
  quietMs: number;
  reopenHelps: boolean;
}

export class RtuTransport implements Transport {
  readonly quietMs: number;
  readonly reopenHelps: boolean;
  readonly #events: TransportEvents;
  readonly #stream: ByteStream;
  readonly #bytes = Buffer.alloc(2 * LARGEST_FRAME);
  readonly #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  #length = 0;
  /** What the next answer has to agree with: the request in flight, or the one that puts its unit in step. */
  #awaited: Request | null = null;
  /** Waits until its unit is in step. */
  #held: Request | null = null;
  #late: Late[] = [];
  #settleTimer: NodeJS.Timeout | null = null;
  #heldTimer: NodeJS.Timeout | null = null;
  #ended = false;

  /** Begins to open. */
  constructor(open: OpenStream, options: RtuOptions, events: TransportEvents) {
    this.quietMs = options.quietMs;
    this.reopenHelps = options.reopenHelps;
    this.#events = events;
    this.#stream = open({
      opened: () => {
        if (!this.#ended) this.#events.opened();
      },
      received: (bytes, _view, length) => this.#receive(bytes, length),
      closed: (cause) => this.#close(cause),
    });
  }

  get blocked(): boolean {
    return this.#stream.blocked;
  }

  send(request: Request): void {
    const doubtful = this.#late.some((late) => isLike(late, request));
    this.#held = doubtful ? request : null;
    this.#transmit(doubtful ? this.#unlike(request) : request);
  }

  forget(): void {
    const given = this.#awaited;
    this.#idle();
    if (given && !given.echo && !this.#late.some((late) => isLike(late, given))) {
      this.#late.push({ unit: given.unit, code: given.code, bytes: given.bytes });
    }
  }

  destroy(): void {
    this.#ended = true;
    this.#idle();
    this.#stream.destroy();
  }

  #close(cause: Error): void {
    if (this.#ended) return;
    this.destroy();
    this.#events.closed(cause);
  }

  #transmit(request: Request): void {
    this.#length = 0;
    this.#awaited = request;
    this.#stream.write(request.rtu);
  }

  /** A read near the request whose answer has a length that no late answer has. */
  #unlike(request: Request): Request {
    const bits = request.code <= 2;
    const code = request.code === 23 ? 3 : request.code;
    let bytes = bits ? 1 : 2;
    while (this.#late.some((late) => isLike(late, { unit: request.unit, code, bytes }))) bytes += bits ? 1 : 2;
    const count = bits ? 8 * bytes - 7 : bytes >> 1;
    const offset = Math.min(request.rtu.readUInt16BE(2), 65_536 - count);
    return readRequest(request.unit, code, offset, count);
  }

  #receive(bytes: Buffer, length: number): void {
    if (this.#ended || !this.#awaited) return;
    for (let from = 0; from < length && this.#awaited; ) {
      if (this.#length === this.#bytes.length) this.#drop(LARGEST_FRAME);
      const taken = Math.min(length - from, this.#bytes.length - this.#length);
      bytes.copy(this.#bytes, this.#length, from, from + taken);
      this.#length += taken;
      from += taken;
      this.#search();
    }
  }

  #search(): void {
    let waiting = false;
    this.#dropOwnEcho();
    for (let at = 0; this.#awaited && at < this.#length; at++) {
      const size = this.#sizeAt(at);
      if (size === null) continue;
      if (at + size > this.#length) {
        // Of others' frames only the first bytes may be the beginning: noise looks like one too often.
        if (at === 0 || this.#bytes[at] === this.#awaited.unit) waiting = true;
        continue;
      }
      if (!this.#isFrame(at, size)) continue;
      this.#take(at, size - CRC_SIZE);
      this.#drop(at + size);
      at = -1;
      waiting = false;
    }
    if (!this.#awaited || this.#length === 0 || waiting) this.#settled();
    else if (this.#settleTimer) this.#settleTimer.refresh();
    else this.#settleTimer = setTimeout(() => this.#giveUp(), Math.max(SETTLE_MS, 2 * this.quietMs));
  }

  /** Size with checksum of the frame that would begin there; null when none can. */
  #sizeAt(at: number): number | null {
    const left = this.#length - at;
    if (left < 2) return this.#bytes[at] === this.#awaited?.unit ? 3 : null;
    const code = this.#bytes[at + 1]!;
    switch (code) {
      case 1:
      case 2:
      case 3:
      case 4:
      case 23:
        return left < 3 ? 4 : 3 + this.#bytes[at + 2]! + CRC_SIZE;
      case 5:
      case 6:
      case 15:
      case 16:
        return 6 + CRC_SIZE;
      case 22:
        return 8 + CRC_SIZE;
      default:
        return code > 0x80 && code <= 0x80 + 23 ? EXCEPTION_SIZE + CRC_SIZE : null;
    }
  }

  #isFrame(at: number, size: number): boolean {
    const end = at + size - CRC_SIZE;
    return this.#bytes.readUInt16LE(end) === crc16(this.#bytes, at, end);
  }

  /** A whole frame, without its checksum. */
  #take(at: number, size: number): void {
    const request = this.#awaited!;
    const code = this.#bytes[at + 1]!;
    // The late answer of another unit.
    if (this.#bytes[at] !== request.unit) return;
    if (code === (request.code | 0x80) && size === EXCEPTION_SIZE) this.#answered(null, this.#bytes[at + 2]!);
    else if (code === request.code && size === answerSize(request) && fits(request, this.#view, at)) {
      this.#answered(at + payloadAt(request), 0);
    } else if (!this.#late.some((late) => late.unit === request.unit)) {
      this.#awaited = null;
      this.#held = null;
      this.#events.wrong(mismatch(request, this.#view, at, size));
    }
  }

  #answered(payload: number | null, exception: number): void {
    const { unit } = this.#awaited!;
    const held = this.#held;
    this.#awaited = null;
    this.#held = null;
    if (held) {
      this.#late = this.#late.filter((late) => late.unit !== unit);
      this.#events.restarted();
      if (this.quietMs === 0) this.#transmit(held);
      else this.#heldTimer = setTimeout(() => this.#transmit(held), Math.ceil(this.quietMs));
    } else if (payload === null) this.#events.refused(exception);
    else this.#events.answered(this.#view, payload);
  }

  /** Some adapters hear what they say themselves. */
  #dropOwnEcho(): void {
    const request = this.#awaited!;
    if (request.echo || this.#length < request.rtu.length) return;
    if (this.#bytes.compare(request.rtu, 0, request.rtu.length, 0, request.rtu.length) === 0) {
      this.#drop(request.rtu.length);
    }
  }

  #drop(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length = Math.max(0, this.#length - count);
  }

  #giveUp(): void {
    this.#settleTimer = null;
    if (!this.#awaited) return;
    const unit = this.#awaited.unit;
    this.forget();
    this.#events.wrong(
      `what came for unit ${unit} is no RTU frame: noise on the line, or another baud rate, parity or framing than the device's`,
    );
  }

  #idle(): void {
    this.#awaited = null;
    this.#held = null;
    if (this.#heldTimer) clearTimeout(this.#heldTimer);
    this.#heldTimer = null;
    this.#settled();
  }

  #settled(): void {
    if (this.#settleTimer) clearTimeout(this.#settleTimer);
    this.#settleTimer = null;
  }
}

function isLike(late: Late, request: { unit: number; code: number; bytes: number }): boolean {
  return late.unit === request.unit && late.code === request.code && late.bytes === request.bytes;
}
