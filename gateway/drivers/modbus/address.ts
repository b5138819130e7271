/** Where a tag lives in a Modbus device, and the two ways in which manuals write that down. */

export type Table = 'coil' | 'discrete' | 'input' | 'holding';

export interface Address {
  table: Table;
  /** Counted from 0, as on the wire. */
  offset: number;
}

/** Part of a table, both ends included. */
export interface AddressRange {
  table: Table;
  first: number;
  last: number;
}

/** The function code that reads a table (Modbus application protocol V1.1b3, 6.1 to 6.4). */
export const READ_CODE: Record<Table, number> = { coil: 1, discrete: 2, holding: 3, input: 4 };

export const HIGHEST_ADDRESS = 65535;

/** The first digit of the classic notation, in which 40001 or 400001 is the first holding register. */
const CLASSIC: Record<string, Table> = { 0: 'coil', 1: 'discrete', 3: 'input', 4: 'holding' };

export function isBitTable(table: Table): boolean {
  return table === 'coil' || table === 'discrete';
}

/**
 * Reads `holding:100` (counted from 0) and the classic `40101` or `400101` (counted from 1), which are the same
 * register. A string is what is wrong, with every reading that the text may have had.
 */
export function parseAddress(text: string | number): Address | string {
  const written = String(text);
  if (/^\d+$/.test(written)) return parseClassic(written);
  const match = /^(coil|discrete|input|holding):(\d{1,6})$/.exec(written);
  if (!match) {
    return `"${written}" is not a Modbus address: write table and address counted from 0, such as holding:100, input:0, coil:0 or discrete:3, or the manual's number, such as 40101`;
  }
  const table = match[1] as Table;
  const offset = Number(match[2]);
  if (offset <= HIGHEST_ADDRESS) return { table, offset };
  const classic = parseClassic(match[2]!);
  const meant =
    typeof classic === 'string' ? '' : `; the manual's ${match[2]} is ${said(classic)}: write one of these two`;
  return `"${written}" is beyond ${table}:${HIGHEST_ADDRESS}, the last address counted from 0${meant}`;
}

function parseClassic(digits: string): Address | string {
  const zeroBased = Number(digits) <= HIGHEST_ADDRESS ? `holding:${Number(digits)} counted from 0` : null;
  if (digits.length < 5) {
    return `"${digits}" can be read as ${zeroBased}, and as the manual's coil ${digits.padStart(5, '0')}, which is ${said({ table: 'coil', offset: Math.max(0, Number(digits) - 1) })}: write table and address, such as ${said({ table: 'holding', offset: Number(digits) })}`;
  }
  const table = CLASSIC[digits[0]!];
  const number = Number(digits.slice(1));
  const or = zeroBased
    ? `; as an address counted from 0, write ${said({ table: 'holding', offset: Number(digits) })}`
    : '';
  if (!table || digits.length > 6) {
    return `"${digits}" is not a number of a Modbus manual: those have 5 or 6 digits and begin with 0 (coils), 1 (discrete inputs), 3 (input registers) or 4 (holding registers)${or}`;
  }
  if (number === 0) {
    return `"${digits}" is before the first ${table}, which is ${digits.slice(0, -1)}1 in a manual (${table}:0)${or}`;
  }
  if (number - 1 > HIGHEST_ADDRESS) {
    return `"${digits}" is beyond the last ${table}, which is ${digits[0]}65536 in a manual (${table}:${HIGHEST_ADDRESS})`;
  }
  return { table, offset: number - 1 };
}

/** The address in the notation that is told to people. */
export function said({ table, offset }: Address): string {
  return `${table}:${offset}`;
}

/**
 * The manual's reading of an address that was written counted from 0 and looks like a manual's number, such as
 * `holding:40101`; null when there is none. Both exist, so this is a doubt and no mistake.
 */
export function classicReading(text: string | number): Address | null {
  const match = /^(coil|discrete|input|holding):(\d{5,6})$/.exec(String(text));
  if (!match || Number(match[2]) > HIGHEST_ADDRESS) return null;
  const classic = parseClassic(match[2]!);
  return typeof classic !== 'string' && classic.table === match[1] ? classic : null;
}

/** Reads `holding:40-49`, `holding:40` or the classic `40041-40050`. A string is what is wrong. */
export function parseRange(text: string): AddressRange | string {
  const [from = '', to = from, ...rest] = text.split('-').map((part) => part.trim());
  const first = parseAddress(from);
  if (typeof first === 'string') return first;
  const table = from.includes(':') && !to.includes(':') ? `${first.table}:` : '';
  const last = parseAddress(`${table}${to}`);
  if (typeof last === 'string') return last;
  if (rest.length > 0 || last.table !== first.table || last.offset < first.offset) {
    return `"${text}" is not a range: write its first and its last address, such as holding:40-49`;
  }
  return { table: first.table, first: first.offset, last: last.offset };
}
