/** An array tag as the tags that it stands for. */
import { type Address, isBitTable, parseAddress, said, type Table } from './address.ts';
import type { ModbusTag } from './config.ts';
import { widthOf } from './decode.ts';

/**
 * One entry for each element of an array, none for a tag that is no array. Coils follow bit by bit, bits of
 * registers from `bit` upwards and on into the next register, bytes from high to low; anything else by its width.
 */
export function elementsOf(tag: ModbusTag): { suffix: string; settings: ModbusTag }[] {
  if (tag.count === undefined) return [];
  const { count, ...single } = tag;
  const address = parseAddress(tag.address);
  return Array.from({ length: count }, (_, i) => ({
    suffix: `[${i}]`,
    settings: { ...single, ...(typeof address === 'string' ? {} : placeOf(single, address, i)) },
  }));
}

/** Registers (of coils and discrete inputs: bits) that a tag takes with all its elements. */
export function spanOf(tag: ModbusTag, table: Table): number {
  const count = tag.count ?? 1;
  if (isBitTable(table)) return count;
  if (tag.type === 'bool') return (((tag.bit ?? 0) + count - 1) >> 4) + 1;
  if (tag.count !== undefined && (tag.type === 'int8' || tag.type === 'uint8')) {
    return (((tag.byte === 'low' ? 1 : 0) + count - 1) >> 1) + 1;
  }
  return count * widthOf(tag);
}

function placeOf(tag: ModbusTag, { table, offset }: Address, i: number): Partial<ModbusTag> {
  const at = (step: number) => ({ address: said({ table, offset: offset + step }) });
  if (isBitTable(table)) return at(i);
  if (tag.type === 'bool') {
    const bit = (tag.bit ?? 0) + i;
    return { ...at(bit >> 4), bit: bit & 15 };
  }
  if (tag.type === 'int8' || tag.type === 'uint8') {
    const place = (tag.byte === 'low' ? 1 : 0) + i;
    return { ...at(place >> 1), byte: place % 2 === 0 ? 'high' : 'low' };
  }
  return at(i * widthOf(tag));
}
