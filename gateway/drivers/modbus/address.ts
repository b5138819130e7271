/** Where a tag lives in a Modbus device. */

export type Table = 'coil' | 'discrete' | 'input' | 'holding';

export interface Address {
  table: Table;
  /** Counted from 0, as on the wire. */
  offset: number;
}

/** The function code that reads a table (Modbus application protocol V1.1b3, 6.1 to 6.4). */
export const READ_CODE: Record<Table, number> = { coil: 1, discrete: 2, holding: 3, input: 4 };

export const HIGHEST_ADDRESS = 65535;

export function isBitTable(table: Table): boolean {
  return table === 'coil' || table === 'discrete';
}

/** Reads `holding:100`; a string is the operator's remedy. */
export function parseAddress(text: string): Address | string {
  const match = /^(coil|discrete|input|holding):(\d{1,6})$/.exec(text);
  if (!match) {
    return `"${text}" is not a Modbus address: write table and address counted from 0, such as holding:100, input:0, coil:0 or discrete:3`;
  }
  const offset = Number(match[2]);
  if (offset > HIGHEST_ADDRESS) {
    return `"${text}" is beyond the last address ${HIGHEST_ADDRESS}: count from 0 and leave out the leading 4 or 3 of the manual's numbering`;
  }
  return { table: match[1] as Table, offset };
}
