/**
 * Frames of Modbus TCP on one stream, for the life of that stream (Modbus Messaging on TCP/IP V1.0b).
 *
 * The frame is 7 bytes of header and a request of 5, so it is spoken here directly: measured on 20 devices at
 * 10 polls a second, a general client's own timer, checksum, promise and array for each request cost as much
 * CPU as everything else together. Answers are decoded where they arrive.
 */
import { answerSize, EXCEPTION_SIZE, fits, MBAP_HEADER, mismatch, payloadAt, type Request } from './request.ts';
import type { ByteStream, OpenStream, Transport, TransportEvents } from './transport.ts';

/** Header (6) + unit (1) + function (1) + byte count (1) + 250 bytes of registers, with room. */
const LARGEST_ADU = 260;

export class MbapTransport implements Transport {
  readonly quietMs = 0;
  readonly reopenHelps = true;
  #events: TransportEvents;
  #stream: ByteStream;
  /** The beginning of an answer that came in pieces; most never need it. */
  #carry: Buffer | null = null;
  #carryView: DataView | null = null;
  #carried = 0;
  #transaction = 0;
  #inFlight: Request | null = null;
  #ended = false;

  /** Begins to connect. */
  constructor(open: OpenStream, events: TransportEvents) {
    this.#events = events;
    this.#stream = open({
      opened: () => {
        if (!this.#ended) this.#events.opened();
      },
      received: (bytes, view, length) => this.#receive(bytes, view, length),
      closed: (cause) => this.#close(cause),
    });
  }

  get blocked(): boolean {
    return this.#stream.blocked;
  }

  send(request: Request): void {
    this.#transaction = (this.#transaction + 1) & 0xffff;
    const { adu } = request;
    adu[0] = this.#transaction >> 8;
    adu[1] = this.#transaction & 0xff;
    this.#inFlight = request;
    this.#stream.write(adu);
  }

  /** A late answer is known by its transaction id, which is over. */
  forget(): void {
    this.#inFlight = null;
  }

  destroy(): void {
    this.#ended = true;
    this.#inFlight = null;
    this.#stream.destroy();
  }

  #close(cause: Error): void {
    if (this.#ended) return;
    this.destroy();
    this.#events.closed(cause);
  }

  #receive(bytes: Buffer, view: DataView, length: number): void {
    let at = 0;
    if (this.#carried > 0) at = this.#finishCarried(bytes, length);
    while (!this.#ended && at < length) {
      const size = this.#sizeOf(view, at, length - at);
      if (size < 0) return;
      if (size === 0 || size > length - at) {
        this.#carryOn(bytes, at, length);
        return;
      }
      this.#take(view, at, size);
      at += size;
    }
  }

  /** Adds to the piece from before; returns how much of the new bytes that took. */
  #finishCarried(bytes: Buffer, length: number): number {
    const carry = this.#carry!;
    const view = this.#carryView!;
    let at = 0;
    while (at < length) {
      const size = this.#sizeOf(view, 0, this.#carried);
      if (size < 0) return length;
      const wanted = (size === 0 ? MBAP_HEADER : size) - this.#carried;
      const taken = Math.min(wanted, length - at);
      bytes.copy(carry, this.#carried, at, at + taken);
      this.#carried += taken;
      at += taken;
      if (size > 0 && this.#carried === size) {
        this.#carried = 0;
        this.#take(view, 0, size);
        break;
      }
    }
    return at;
  }

  #carryOn(bytes: Buffer, at: number, length: number): void {
    if (!this.#carry) {
      this.#carry = Buffer.allocUnsafeSlow(LARGEST_ADU);
      this.#carryView = new DataView(this.#carry.buffer);
    }
    bytes.copy(this.#carry, 0, at, length);
    this.#carried = length - at;
  }

  /** Size of the frame that begins at `at`; 0 when too little of it is there to know, −1 when it is no Modbus. */
  #sizeOf(view: DataView, at: number, available: number): number {
    if (available < MBAP_HEADER) return 0;
    const size = MBAP_HEADER + view.getUint16(at + 4);
    if (view.getUint16(at + 2) !== 0 || size < 9 || size > LARGEST_ADU) {
      this.#close(
        new Error('the answer is no Modbus TCP: is the port right, and does the device speak Modbus TCP there?'),
      );
      return -1;
    }
    return size;
  }

  #take(view: DataView, at: number, size: number): void {
    const request = this.#inFlight;
    // An answer to what nobody waits for any more: it came after its deadline.
    if (!request || view.getUint16(at) !== this.#transaction) return;
    this.#inFlight = null;
    const start = at + MBAP_HEADER;
    const code = view.getUint8(start + 1);
    const length = size - MBAP_HEADER;
    if (view.getUint8(start) !== request.unit) {
      this.#events.wrong(mismatch(request, view, start, length));
    } else if (code === request.code && length === answerSize(request) && fits(request, view, start)) {
      this.#events.answered(view, start + payloadAt(request));
    } else if (code === (request.code | 0x80) && length === EXCEPTION_SIZE) {
      this.#events.refused(view.getUint8(start + 2));
    } else {
      this.#events.wrong(mismatch(request, view, start, length));
    }
  }
}
