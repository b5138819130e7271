/**
 * Writes to one device: read what is there, write, read back. One write at a time, each of its requests ahead of
 * the polls. No request that writes is ever sent twice: a device may count, or move, with each.
 */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { WriteResult } from '../driver.ts';
import { isBitTable, READ_CODE } from './address.ts';
import { bitReader } from './decode.ts';
import type { DeviceTag } from './device-tag.ts';
import { type Encoded, encode, isBit } from './encode.ts';
import { maskWrite, readRequest, writeCoil, writeCoils, writeRegister, writeRegisters } from './request.ts';
import { type Answer, type ExchangeHost, said, type UrgentExchanges } from './urgent-exchanges.ts';

/** Writes to one device that may wait for each other. */
const MOST_WAITING = 100;

export class Writer {
  readonly #host: Pick<ExchangeHost, 'unitId' | 'downBecause'>;
  readonly #exchanges: UrgentExchanges;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(host: Pick<ExchangeHost, 'unitId' | 'downBecause'>, exchanges: UrgentExchanges) {
    this.#host = host;
    this.#exchanges = exchanges;
  }

  write(tag: DeviceTag, value: Value): Promise<WriteResult> {
    if (this.#waiting >= MOST_WAITING) {
      return Promise.resolve(failed(`${MOST_WAITING} writes to this device wait already; write less often`));
    }
    this.#waiting++;
    const result = this.#turn.then(() => this.#write(tag, value)).finally(() => this.#waiting--);
    this.#turn = result;
    return result;
  }

  async #write(tag: DeviceTag, value: Value): Promise<WriteResult> {
    if (tag.table !== 'holding' && tag.table !== 'coil') {
      return failed(`${tag.address} can only be read: only coils and holding registers take values`);
    }
    const down = this.#host.downBecause();
    if (down !== null) return failed(`nothing was written: ${down}`);
    const encoded = tag.table === 'coil' ? encodeCoil(value) : encode(tag.layout, value);
    if (typeof encoded === 'string') return failed(`nothing was written: ${encoded}`);

    const before = await this.#read(tag);
    if (!('bytes' in before)) return failed(`nothing was written, for it could not be read before: ${said(before)}`);
    const old = decoded(tag, before.bytes);
    const expected = decoded(tag, expectedBytes(tag, encoded, before.bytes));
    const outcome = await this.#send(tag, encoded);
    if ('exception' in outcome) {
      const words = `the device refused it: ${said(outcome)}`;
      return {
        ok: false,
        old,
        new: old,
        error: 'mask' in encoded && outcome.exception === 1 && tag.table === 'holding' ? NO_MASK_WRITE : words,
      };
    }
    if ('failure' in outcome) {
      return { ok: false, old, new: null, error: `it is not known whether it was written: ${outcome.failure}` };
    }
    const after = await this.#read(tag);
    if (!('bytes' in after)) {
      return {
        ok: false,
        old,
        new: null,
        error: `the device confirmed it, and it could not be read back: ${said(after)}`,
      };
    }
    const now = decoded(tag, after.bytes);
    const ok = Object.is(now, expected);
    const error = ok
      ? ''
      : `the device confirmed ${String(expected)} and holds ${String(now)}: it limits the value, another program writes it too, or it takes it over later`;
    return { ok, old, new: now, error };
  }

  #read(tag: DeviceTag): Promise<Answer> {
    return this.#exchanges.exchange(readRequest(this.#host.unitId, READ_CODE[tag.table], tag.offset, tag.width));
  }

  /** Some devices know only the function for one, others only the one for several. */
  async #send(tag: DeviceTag, encoded: Encoded): Promise<Answer> {
    const { unitId } = this.#host;
    const { offset } = tag;
    if (tag.table === 'coil') {
      const on = 'bits' in encoded && encoded.bits !== 0;
      const first = await this.#exchanges.exchange(writeCoil(unitId, offset, on));
      return isUnknownFunction(first) ? this.#exchanges.exchange(writeCoils(unitId, offset, [on])) : first;
    }
    if ('mask' in encoded) {
      return this.#exchanges.exchange(maskWrite(unitId, offset, ~encoded.mask & 0xffff, encoded.bits));
    }
    const { bytes } = encoded;
    if (bytes.length > 2) return this.#exchanges.exchange(writeRegisters(unitId, offset, bytes));
    const first = await this.#exchanges.exchange(writeRegister(unitId, offset, bytes.readUInt16BE()));
    return isUnknownFunction(first) ? this.#exchanges.exchange(writeRegisters(unitId, offset, bytes)) : first;
  }
}

const NO_MASK_WRITE =
  'the device has no function 22 (mask write), which alone changes some bits of a register without touching the others; write the whole register instead';

function failed(error: string): WriteResult {
  return { ok: false, old: null, new: null, error };
}

function isUnknownFunction(answer: Answer): boolean {
  return 'exception' in answer && answer.exception === 1;
}

function encodeCoil(value: Value): Encoded | string {
  if (!isBit(value)) return `${JSON.stringify(value)} is not true or false`;
  return { mask: 1, bits: value ? 1 : 0 };
}

function expectedBytes(tag: DeviceTag, encoded: Encoded, before: Buffer): Buffer {
  if ('bytes' in encoded) return encoded.bytes;
  const { mask, bits } = encoded;
  if (tag.table === 'coil') return Buffer.of(bits);
  const after = Buffer.alloc(2);
  after.writeUInt16BE((before.readUInt16BE() & ~mask & 0xffff) | bits);
  return after;
}

/** null too for what is no usable number. */
function decoded(tag: DeviceTag, bytes: Buffer): Value {
  const read = isBitTable(tag.table) ? bitReader(0) : tag.read;
  const value = read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}
