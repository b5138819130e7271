/**
 * A Modbus TCP device at the wire that does what a test tells it, right or wrong. Raw sockets and no library,
 * so that it costs next to nothing beside the client that is measured against it.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface ModbusRequest {
  transaction: number;
  unit: number;
  /** Function code: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers. */
  code: number;
  address: number;
  /** Registers or bits. */
  count: number;
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
  | { exception: number }
  | { delayMs: number };

export interface FakeModbusOptions {
  /** 0 or absent: the system chooses. */
  port?: number;
  /** Keep the requests in `requests`. A load test switches it off. */
  record?: boolean;
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
      while (rest.length >= 12) {
        this.#take(socket, rest.subarray(0, 12), pending);
        rest = rest.subarray(12);
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
        if (!socket.destroyed) socket.write(this.#answer(request));
      }, behaviour.delayMs);
      this.#timers.add(timer);
      return;
    }
    this.#reply(socket, request, behaviour);
  }

  #reply(socket: Socket, request: ModbusRequest, behaviour: Exclude<Behaviour, { delayMs: number }>): void {
    if (typeof behaviour === 'object') {
      socket.write(exceptionAnswer(request, behaviour.exception));
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
    const answer = this.#answer(request);
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
        socket.write(short);
        return;
      }
      case 'closeMidAnswer':
        socket.end(answer.subarray(0, answer.length >> 1));
        return;
      case 'split':
        this.#writeSplit(socket, answer);
        return;
    }
    socket.write(answer);
  }

  #writeSplit(socket: Socket, answer: Buffer): void {
    let at = 0;
    const next = () => {
      if (at >= answer.length || socket.destroyed) return;
      socket.write(answer.subarray(at, ++at), () => setImmediate(next));
    };
    next();
  }

  #answer(request: ModbusRequest): Buffer {
    this.beforeRead(request);
    const { address, count, code } = request;
    if (address + count > 65536 || code < 1 || code > 4) return exceptionAnswer(request, code > 4 ? 1 : 2);
    const bytes = code >= 3 ? count * 2 : (count + 7) >> 3;
    const answer = Buffer.allocUnsafe(9 + bytes);
    answer.writeUInt16BE(request.transaction, 0);
    answer.writeUInt16BE(0, 2);
    answer.writeUInt16BE(3 + bytes, 4);
    answer[6] = request.unit;
    answer[7] = code;
    answer[8] = bytes;
    if (code >= 3) {
      const table = code === 3 ? this.holding : this.input;
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

const scratch = new DataView(new ArrayBuffer(8));

function exceptionAnswer(request: ModbusRequest, exception: number): Buffer {
  const answer = Buffer.from([0, 0, 0, 0, 0, 3, request.unit, request.code | 0x80, exception]);
  answer.writeUInt16BE(request.transaction, 0);
  return answer;
}
