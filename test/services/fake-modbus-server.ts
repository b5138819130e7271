/**
 * A Modbus TCP device at the wire that does what a test tells it, right or wrong. Raw sockets and no library,
 * so that it costs next to nothing beside the client that is measured against it.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface ModbusRequest {
  transaction: number;
  unit: number;
  /** Function code: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers; 5, 6, 15, 16, 22, 23 write. */
  code: number;
  address: number;
  /** Registers or bits. Of a write to one (5, 6), the value; of a mask write, the AND mask. */
  count: number;
  /** Behind address and count, of a write. */
  data: Buffer;
  /** When it arrived, milliseconds of the monotonic clock. */
  at: number;
}

/** What the device does with one request. */
export type Behaviour =
  | 'right'
  | 'silent'
  /** Answers with another transaction id. */
  | 'wrongTransaction'
  /** Answers for another unit. */
  | 'wrongUnit'
  /** Answers with another function code. */
  | 'wrongFunction'
  /** Answers with two bytes fewer than asked, and a header that agrees with that. */
  | 'short'
  /** Says more bytes in the header than any answer may have. */
  | 'wrongLength'
  /** Sends bytes that are no Modbus. */
  | 'garbage'
  /** Sends half of the answer and closes. */
  | 'closeMidAnswer'
  | 'close'
  /** Sends the answer byte by byte. */
  | 'split'
  /** Spoils the last byte; with RTU framing, of the checksum. */
  | 'spoilt'
  /** Sends bytes that belong to nothing, then the answer. */
  | 'noiseAhead'
  /** Does not do what a write asks for, and confirms it. */
  | 'ignoreWrite'
  | { exception: number }
  | { delayMs: number };

export interface FakeModbusOptions {
  /** 0 or absent: the system chooses. */
  port?: number;
  /** Keep the requests in `requests`. A load test switches it off. */
  record?: boolean;
  /** RTU frames on the connection, as behind a serial device server. */
  framing?: 'mbap' | 'rtu';
}

/** One device (all its units share the registers), listening on 127.0.0.1. */
export class FakeModbusServer {
  readonly holding = new Uint16Array(65536);
  readonly input = new Uint16Array(65536);
  readonly coils = new Uint8Array(65536);
  readonly discrete = new Uint8Array(65536);
  readonly requests: ModbusRequest[] = [];
  /** Requests since the start, recorded or not. */
  requestCount = 0;
  /** Connections accepted since the start. */
  connectionCount = 0;
  /** Requests that came on a connection before the answer to the one before was sent. */
  overlapping = 0;
  /** Decides for each request. */
  behave: (request: ModbusRequest) => Behaviour = () => 'right';
  /** Called before registers are read for an answer; a load generator changes them here. */
  beforeRead: (request: ModbusRequest) => void = () => {};
  #options: FakeModbusOptions;
  #server: Server | null = null;
  #sockets = new Set<Socket>();
  #timers = new Set<NodeJS.Timeout>();
  #port = 0;

  constructor(options: FakeModbusOptions = {}) {
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  /** Starts, or starts again on the same port. */
  async listen(): Promise<this> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** Cuts all connections and stops listening. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.cut();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Cuts all connections; new ones are accepted. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  setFloat32(table: Uint16Array, address: number, value: number): void {
    scratch.setFloat32(0, value);
    table[address] = scratch.getUint16(0);
    table[address + 1] = scratch.getUint16(2);
  }

  #accept(socket: Socket): void {
    this.connectionCount++;
    this.#sockets.add(socket);
    const pending = { count: 0 };
    let rest: Buffer = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (;;) {
        const size = this.#options.framing === 'rtu' ? rtuSize(rest) : mbapSize(rest);
        if (size === 0) break;
        const frame = rest.subarray(0, size);
        rest = rest.subarray(size);
        if (this.#options.framing !== 'rtu') this.#take(socket, frame, pending);
        else if (crc16(frame, 0, size) === 0) this.#take(socket, withHeader(frame.subarray(0, -2)), pending);
      }
    });
  }

  #take(socket: Socket, adu: Buffer, pending: { count: number }): void {
    const request: ModbusRequest = {
      transaction: adu.readUInt16BE(0),
      unit: adu[6]!,
      code: adu[7]!,
      address: adu.readUInt16BE(8),
      count: adu.readUInt16BE(10),
      data: adu.subarray(12),
      at: performance.now(),
    };
    this.requestCount++;
    if (pending.count > 0) this.overlapping++;
    if (this.#options.record !== false) this.requests.push(request);
    const behaviour = this.behave(request);
    if (typeof behaviour === 'object' && 'delayMs' in behaviour) {
      pending.count++;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        pending.count--;
        if (!socket.destroyed) socket.write(this.#framed(this.#answer(request)));
      }, behaviour.delayMs);
      this.#timers.add(timer);
      return;
    }
    this.#reply(socket, request, behaviour);
  }

  #reply(socket: Socket, request: ModbusRequest, behaviour: Exclude<Behaviour, { delayMs: number }>): void {
    if (typeof behaviour === 'object') {
      socket.write(this.#framed(exceptionAnswer(request, behaviour.exception)));
      return;
    }
    if (behaviour === 'silent') return;
    if (behaviour === 'close') {
      socket.destroy();
      return;
    }
    if (behaviour === 'garbage') {
      socket.write(Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
      return;
    }
    const answer = behaviour === 'ignoreWrite' ? echoOf(request) : this.#answer(request);
    switch (behaviour) {
      case 'wrongTransaction':
        answer.writeUInt16BE((request.transaction + 7) & 0xffff, 0);
        break;
      case 'wrongUnit':
        answer[6] = (request.unit + 1) & 0xff;
        break;
      case 'wrongFunction':
        answer[7] = request.code === 3 ? 4 : 3;
        break;
      case 'wrongLength':
        answer.writeUInt16BE(0x4000, 4);
        break;
      case 'short': {
        const short = answer.subarray(0, -2);
        short.writeUInt16BE(short.length - 6, 4);
        short[8] = short.length - 9;
        socket.write(this.#framed(short));
        return;
      }
      case 'closeMidAnswer':
        socket.end(this.#framed(answer).subarray(0, answer.length >> 1));
        return;
      case 'split':
        this.#writeSplit(socket, this.#framed(answer));
        return;
      case 'spoilt': {
        const spoilt = this.#framed(answer);
        spoilt[spoilt.length - 1]! ^= 0x55;
        socket.write(spoilt);
        return;
      }
      case 'noiseAhead':
        socket.write(Buffer.concat([Buffer.of(0, 0xff, request.unit), this.#framed(answer)]));
        return;
    }
    socket.write(this.#framed(answer));
  }

  #framed(answer: Buffer): Buffer {
    if (this.#options.framing !== 'rtu') return answer;
    const frame = Buffer.alloc(answer.length - 6 + 2);
    answer.copy(frame, 0, 6);
    frame.writeUInt16LE(crc16(frame, 0, frame.length - 2), frame.length - 2);
    return frame;
  }

  #writeSplit(socket: Socket, answer: Buffer): void {
    let at = 0;
    const next = () => {
      if (at >= answer.length || socket.destroyed) return;
      socket.write(answer.subarray(at, ++at), () => setImmediate(next));
    };
    next();
  }

  /** Does what a write asks for; false when the function is none. */
  #store({ code, address, count, data }: ModbusRequest): boolean {
    switch (code) {
      case 5:
        this.coils[address] = count === 0xff00 ? 1 : 0;
        return true;
      case 6:
        this.holding[address] = count;
        return true;
      case 15:
        for (let i = 0; i < count; i++) this.coils[address + i] = (data[1 + (i >> 3)]! >> (i & 7)) & 1;
        return true;
      case 16:
        for (let i = 0; i < count; i++) this.holding[address + i] = data.readUInt16BE(1 + 2 * i);
        return true;
      case 22: {
        const or = data.readUInt16BE(0);
        this.holding[address] = (this.holding[address]! & count) | (or & ~count);
        return true;
      }
      case 23:
        for (let i = 0; i < data.readUInt16BE(2); i++) {
          this.holding[data.readUInt16BE(0) + i] = data.readUInt16BE(5 + 2 * i);
        }
        return true;
      default:
        return false;
    }
  }

  #answer(request: ModbusRequest): Buffer {
    this.beforeRead(request);
    const { address, count, code } = request;
    if (code > 4 && this.#store(request)) {
      if (code !== 23) return echoOf(request);
    } else if (address + count > 65536 || code < 1 || code > 4) return exceptionAnswer(request, code > 4 ? 1 : 2);
    const bytes = code >= 3 ? count * 2 : (count + 7) >> 3;
    const answer = Buffer.allocUnsafe(9 + bytes);
    answer.writeUInt16BE(request.transaction, 0);
    answer.writeUInt16BE(0, 2);
    answer.writeUInt16BE(3 + bytes, 4);
    answer[6] = request.unit;
    answer[7] = code;
    answer[8] = bytes;
    if (code >= 3) {
      const table = code === 4 ? this.input : this.holding;
      for (let i = 0, at = 9; i < count; i++) {
        const word = table[address + i]!;
        answer[at++] = word >> 8;
        answer[at++] = word & 0xff;
      }
      return answer;
    }
    const table = code === 1 ? this.coils : this.discrete;
    answer.fill(0, 9);
    for (let i = 0; i < count; i++) {
      if (table[address + i]) answer[9 + (i >> 3)]! |= 1 << (i & 7);
    }
    return answer;
  }
}

/** Size of the request that begins the bytes; 0 when it is not whole. */
function mbapSize(bytes: Buffer): number {
  if (bytes.length < 12) return 0;
  const size = 6 + bytes.readUInt16BE(4);
  return bytes.length < size ? 0 : size;
}

function rtuSize(bytes: Buffer): number {
  if (bytes.length < 8) return 0;
  const code = bytes[1];
  const size =
    code === 15 || code === 16 ? 9 + bytes[6]! : code === 22 ? 10 : code === 23 ? 13 + (bytes[10] ?? 0) : 8;
  return bytes.length < size ? 0 : size;
}

function withHeader(pdu: Buffer): Buffer {
  const adu = Buffer.alloc(6 + pdu.length);
  adu.writeUInt16BE(pdu.length, 4);
  pdu.copy(adu, 6);
  return adu;
}

/** What confirms a write: the request's head. */
function echoOf({ transaction, unit, code, address, count, data }: ModbusRequest): Buffer {
  const answer = Buffer.alloc(code === 22 ? 14 : 12);
  answer.writeUInt16BE(transaction, 0);
  answer.writeUInt16BE(answer.length - 6, 4);
  answer[6] = unit;
  answer[7] = code;
  answer.writeUInt16BE(address, 8);
  answer.writeUInt16BE(count, 10);
  if (code === 22) data.copy(answer, 12, 0, 2);
  return answer;
}

/** Of its own, so that the driver's checksum is not measured against itself. */
function crc16(bytes: Buffer, from: number, to: number): number {
  let crc = 0xffff;
  for (let i = from; i < to; i++) {
    crc ^= bytes[i]!;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}

const scratch = new DataView(new ArrayBuffer(8));

function exceptionAnswer(request: ModbusRequest, exception: number): Buffer {
  const answer = Buffer.from([0, 0, 0, 0, 0, 3, request.unit, request.code | 0x80, exception]);
  answer.writeUInt16BE(request.transaction, 0);
  return answer;
}
