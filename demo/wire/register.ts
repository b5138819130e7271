/** One value in Modbus registers, and how it is laid out. */
import type { Values } from '../machines/machine.ts';

export interface Register {
  /** Protocol address, counted from 0. */
  address: number;
  name: string;
  type: 'float32' | 'int16' | 'uint16' | 'uint32';
  /** Order of the bytes A (most significant) to D of a 32-bit value; `CDAB` has its two words swapped. */
  order?: 'ABCD' | 'CDAB';
  /** Engineering value of one count. */
  scale?: number;
  unit?: string;
  description: string;
}

export function registerWidth(register: Register): number {
  return register.type === 'float32' || register.type === 'uint32' ? 2 : 1;
}

/**
 * The words of all registers, by address.
 * @param values by register name; a missing one is a mistake of ours and throws.
 */
export function encodeRegisters(registers: readonly Register[], values: Values): Map<number, number> {
  const words = new Map<number, number>();
  for (const register of registers) {
    const value = values[register.name];
    if (value === undefined) throw new TypeError(`no value for register ${register.name}`);
    const encoded = encodeRegister(register, value);
    for (const [offset, word] of encoded.entries()) words.set(register.address + offset, word);
  }
  return words;
}

function encodeRegister(register: Register, value: number): number[] {
  const raw = value / (register.scale ?? 1);
  if (register.type === 'int16') return [clamp(raw, -0x8000, 0x7fff) & 0xffff];
  if (register.type === 'uint16') return [clamp(raw, 0, 0xffff)];
  const bytes = Buffer.alloc(4);
  if (register.type === 'float32') bytes.writeFloatBE(raw);
  else bytes.writeUInt32BE(Math.round(raw) % 2 ** 32);
  const high = bytes.readUInt16BE(0);
  const low = bytes.readUInt16BE(2);
  return register.order === 'CDAB' ? [low, high] : [high, low];
}

function clamp(raw: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.round(raw)));
}
