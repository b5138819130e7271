/**
 * How long requests take on the bus, reckoned from its settings. Source: MODBUS over Serial Line, Specification and
 * Implementation Guide V1.02, 2.5.1 (characters, frames and the silence between them); frame sizes from the Modbus
 * application protocol V1.1b3, 6.1 to 6.4, and Modbus Messaging on TCP/IP V1.0b, 3.1.
 */

/** How characters go over a serial line. */
export interface CharacterFormat {
  /** Bits per second. */
  baudRate: number;
  dataBits: 7 | 8;
  parity: 'none' | 'even' | 'odd';
  stopBits: 1 | 2;
}

export interface Bus {
  /** Null: a network, where bytes cost nothing beside the round trip. */
  serial: CharacterFormat | null;
  /** What the device needs until it answers; on a network, the whole round trip. Milliseconds. */
  answerMs: number;
  /** Least pause between an answer and the next request, milliseconds. */
  pauseMs: number;
}

/** The parts of one exchange, in the order in which they come. Milliseconds. */
export interface BusTime {
  outMs: number;
  /** From the end of the request to the beginning of the answer: never less than the silence between frames. */
  waitMs: number;
  inMs: number;
  /** From the end of the answer to the next request: likewise. */
  pauseMs: number;
  totalMs: number;
}

/** Bits of one character on the line: start bit, data, parity, stop bits. 11 where the standard is kept. */
export function characterBits({ dataBits, parity, stopBits }: CharacterFormat): number {
  return 1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits;
}

/**
 * The silence that ends a frame: 3.5 characters, and 1.75 ms above 19,200 bit/s, so that fast lines do not drown
 * slow processors in interrupts (V1.02, 2.5.1.1). Milliseconds.
 */
export function silenceMs(format: CharacterFormat): number {
  return format.baudRate > 19_200 ? 1.75 : (3500 * characterBits(format)) / format.baudRate;
}

/** Bytes of the frames that read so many bytes of values: RTU with address and checksum, TCP with its header. */
export function readBytes(valueBytes: number, serial: boolean): { bytesOut: number; bytesIn: number } {
  return serial ? { bytesOut: 8, bytesIn: 5 + valueBytes } : { bytesOut: 12, bytesIn: 9 + valueBytes };
}

/** The time that one request with its answer takes on the bus. */
export function busTime(exchange: { bytesOut: number; bytesIn: number }, bus: Bus): BusTime {
  const { serial, answerMs, pauseMs } = bus;
  const character = serial ? (1000 * characterBits(serial)) / serial.baudRate : 0;
  const silence = serial ? silenceMs(serial) : 0;
  const time = {
    outMs: exchange.bytesOut * character,
    waitMs: Math.max(answerMs, silence),
    inMs: exchange.bytesIn * character,
    pauseMs: Math.max(pauseMs, silence),
  };
  return { ...time, totalMs: time.outMs + time.waitMs + time.inMs + time.pauseMs };
}
