/**
 * Bounds what a client can make a broker keep before it has said who it is: MQTT lets a packet say that 256 MB
 * follow, and a parser keeps what comes until it is whole.
 */
import type { Socket } from 'node:net';

/** A CONNECT with names, a password and a will. Bytes. */
const MAX_FIRST_BYTES = 64 * 1024;

/**
 * Ends a connection whose packets are longer than they may be. To be called before anybody reads of the socket.
 *
 * @param socket read by `read`, as aedes does
 * @param maxBytes of one packet, its header not counted (MQTT 3.1.1, 2.2.3); of the first, by which somebody says who
 *   they are, less
 */
export function limitPackets(socket: Socket, maxBytes: number): void {
  const maxFirst = Math.min(MAX_FIRST_BYTES, maxBytes);
  const packets = new PacketLengths(maxFirst, maxBytes);
  const read = socket.read.bind(socket);
  socket.read = (size?: number) => {
    const chunk = read(size) as Buffer | null;
    const exceeded = chunk === null ? null : packets.exceeded(chunk);
    if (exceeded === null) return chunk;
    socket.destroy(new Error(`a packet of more than ${exceeded} bytes`));
    return null;
  };
}

class PacketLengths {
  readonly #maxBytes: number;
  /** Of the present packet. */
  #limit: number;
  /** Bytes of the present packet that are still to come; null while its length is being read. */
  #left: number | null = null;
  #length = 0;
  #digits = -1;

  constructor(maxFirst: number, maxBytes: number) {
    this.#limit = maxFirst;
    this.#maxBytes = maxBytes;
  }

  /** The limit that a packet which begins in these bytes is beyond; null when none is. */
  exceeded(bytes: Buffer): number | null {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left !== null) {
        const step = Math.min(this.#left, bytes.length - at);
        at += step;
        this.#left -= step;
      } else if (this.#digits < 0) {
        // The first byte says of which kind it is.
        at++;
        this.#digits = 0;
        this.#length = 0;
      } else {
        const digit = bytes[at++]!;
        this.#length += (digit & 0x7f) * 128 ** this.#digits++;
        if (digit < 0x80 || this.#digits === 4) {
          if (this.#length > this.#limit) return this.#limit;
          this.#limit = this.#maxBytes;
          this.#left = this.#length;
        }
      }
      if (this.#left === 0) {
        this.#left = null;
        this.#digits = -1;
      }
    }
    return null;
  }
}
