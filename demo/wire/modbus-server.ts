/** One machine at the wire as a Modbus TCP server, which writes each answer to the truth file. */
import type { Server } from 'node:net';
import { type IServiceVector, ServerTCP } from 'modbus-serial';
import type { TruthLog } from '../truth-log.ts';
import { listenError } from './listen-error.ts';

/** Exception codes of the Modbus Application Protocol 1.1b3, section 7. */
const exceptions = { illegalDataAddress: 2, illegalDataValue: 3, serverDeviceFailure: 4 } as const;

/** Connections beyond this are closed at once; a small PLC takes fewer. */
const MAX_CONNECTIONS = 32;

/** What a machine shows to Modbus. A table that is absent has no addresses. */
interface ModbusTables {
  /** Function 3: words by address. */
  holding?(): ReadonlyMap<number, number>;
  /** Function 4: words by address. */
  input?(): ReadonlyMap<number, number>;
  /** Function 2. */
  discrete?(): readonly boolean[];
  /** Function 1. */
  coils?(): readonly boolean[];
  /** Function 5 and 15, for an address that `coils` has. */
  writeCoil?(address: number, value: boolean): void;
  /** Function 6 and 16. The words that an address takes; undefined when it cannot be written. */
  writableRange?(address: number): { least: number; most: number } | undefined;
  writeRegister?(address: number, word: number): void;
  /** Whether a read of this register must fail with exception 4, as a unit does whose sensor is broken. */
  failed?(address: number): boolean;
}

export interface ModbusServerOptions {
  machine: string;
  unitId: number;
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** The flag that the message about a taken port names. */
  portFlag: string;
  tables: ModbusTables;
  truth: TruthLog;
}

/** modbus-serial turns a thrown object with this field into that exception. */
class ModbusException extends Error {
  readonly modbusErrorCode: number;

  constructor(code: number) {
    super(`Modbus exception ${code}`);
    this.modbusErrorCode = code;
  }
}

export class ModbusServer {
  readonly #options: ModbusServerOptions;
  #port: number;
  #server: ServerTCP | undefined;
  #bits: BitRead | undefined;

  constructor(options: ModbusServerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  /** The port listened on; kept over a cut. */
  get port(): number {
    return this.#port;
  }

  /** Listens; does nothing when it does already. @throws LinesideError `DEMO_LISTEN` when the port is taken. */
  async start(): Promise<void> {
    if (this.#server) return;
    const { host, unitId, machine, portFlag } = this.#options;
    // As a string, for modbus-serial takes the number 0 for "not given" and listens on 502.
    const port = String(this.#port) as unknown as number;
    const server = new ServerTCP(this.#vector(), { host, port, unitID: unitId });
    this.#server = server;
    const listener = listenerOf(server);
    listener.maxConnections = MAX_CONNECTIONS;
    try {
      await new Promise<void>((resolve, reject) => {
        server.on('initialized', () => resolve());
        server.on('serverError', (error) => reject(error));
      });
    } catch (error) {
      this.#server = undefined;
      throw listenError(error, `${machine}'s Modbus server`, this.#port, portFlag);
    }
    const address = listener.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  /** Closes the listener and destroys every socket; resolves when the port is free. Idempotent. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #vector(): IServiceVector {
    const { tables } = this.#options;
    const registers = (functionCode: 3 | 4) => (address: number, length: number) =>
      this.#readWords(functionCode, address, length);
    return {
      getMultipleHoldingRegisters: registers(3),
      getHoldingRegister: (address: number) => registers(3)(address, 1)[0]!,
      getMultipleInputRegisters: registers(4),
      getInputRegister: (address: number) => registers(4)(address, 1)[0]!,
      getDiscreteInput: (address: number) => this.#readBit(2, address),
      getCoil: (address: number) => this.#readBit(1, address),
      setCoil: (address: number, value: boolean) => {
        if (!tables.writeCoil || (tables.coils?.().length ?? 0) <= address) {
          throw new ModbusException(exceptions.illegalDataAddress);
        }
        tables.writeCoil(address, value);
      },
      setRegister: (address: number, word: number) => this.#writeWords(address, [word]),
      setRegisterArray: (address: number, words: number[]) => this.#writeWords(address, words),
    };
  }

  /** All of them or none. */
  #writeWords(address: number, words: readonly number[]): void {
    const { tables } = this.#options;
    for (const [i, word] of words.entries()) {
      const range = tables.writableRange?.(address + i);
      if (!range) throw new ModbusException(exceptions.illegalDataAddress);
      if (word < range.least || word > range.most) throw new ModbusException(exceptions.illegalDataValue);
    }
    for (const [i, word] of words.entries()) tables.writeRegister?.(address + i, word);
  }

  #readWords(functionCode: 3 | 4, address: number, length: number): number[] {
    const { tables, truth, machine } = this.#options;
    const read = { m: machine, t: Date.now(), f: functionCode, a: address };
    const fail = (code: number): never => {
      if (this.#server) truth.write({ ...read, l: length, x: code });
      throw new ModbusException(code);
    };
    // A request that waited in modbus-serial's timer over a cut is not served.
    if (!this.#server) return fail(exceptions.serverDeviceFailure);
    const table = (functionCode === 3 ? tables.holding?.() : tables.input?.()) ?? new Map<number, number>();
    const words: number[] = [];
    for (let at = address; at < address + length; at++) {
      const word = table.get(at);
      if (word === undefined) return fail(exceptions.illegalDataAddress);
      if (tables.failed?.(at)) return fail(exceptions.serverDeviceFailure);
      words.push(word);
    }
    truth.write({ ...read, w: words });
    return words;
  }

  /**
   * modbus-serial asks bit by bit, all bits of a request in one go: they are put together again into one line.
   */
  #readBit(functionCode: 1 | 2, address: number): boolean {
    const { tables } = this.#options;
    if (!this.#bits) {
      // The time of the read: when the line is written, the answer may be on its way already.
      this.#bits = { t: Date.now(), f: functionCode, a: address, bits: [], failed: false };
      queueMicrotask(() => this.#writeBits());
    }
    const bit = (functionCode === 1 ? tables.coils?.() : tables.discrete?.())?.[address];
    this.#bits.bits.push(bit ? 1 : 0);
    if (bit !== undefined && this.#server) return bit;
    this.#bits.failed = true;
    throw new ModbusException(exceptions.illegalDataAddress);
  }

  #writeBits(): void {
    const read = this.#bits;
    this.#bits = undefined;
    if (!read || !this.#server) return;
    const line = { m: this.#options.machine, t: read.t, f: read.f, a: read.a };
    if (read.failed) this.#options.truth.write({ ...line, l: read.bits.length, x: exceptions.illegalDataAddress });
    else this.#options.truth.write({ ...line, b: read.bits });
  }
}

interface BitRead {
  t: number;
  f: number;
  a: number;
  bits: number[];
  failed: boolean;
}

/** The net.Server inside, which modbus-serial does not show: for the port that the system chose, and the bound. */
function listenerOf(server: ServerTCP): Server {
  return (server as unknown as { _server: Server })._server;
}
