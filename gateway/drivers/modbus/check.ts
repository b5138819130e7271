/** What the schema of a Modbus device cannot say. */
import type { ConfigProblem } from '../driver.ts';
import {
  type Address,
  type AddressRange,
  classicReading,
  HIGHEST_ADDRESS,
  isBitTable,
  parseAddress,
  parseRange,
  said,
} from './address.ts';
import { checkWritable } from './check-writable.ts';
import type { ModbusDevice, ModbusTag } from './config.ts';
import { checkConnection } from './connection-config.ts';
import { widthOf } from './decode.ts';
import { elementsOf, spanOf } from './elements.ts';

/** Tags of one device, with the elements of arrays counted each. */
const MAX_TAGS = 50_000;

interface Placed {
  index: number;
  name: string;
  tag: ModbusTag;
  address: Address;
  /** First address behind it. */
  end: number;
}

export function check(device: ModbusDevice, tags: { name: string; settings: ModbusTag }[]): ConfigProblem[] {
  const problems: ConfigProblem[] = checkConnection(device);
  if (device.retryMaxMs < device.retryMinMs) {
    problems.push({
      field: 'retryMaxMs',
      message: `retryMaxMs (${device.retryMaxMs}) is less than retryMinMs (${device.retryMinMs}): raise it or lower retryMinMs`,
    });
  }
  const forbidden: AddressRange[] = [];
  for (const text of device.forbidden) {
    const range = parseRange(text);
    if (typeof range === 'string') problems.push({ field: 'forbidden', message: range });
    else forbidden.push(range);
  }
  const total = tags.reduce((sum, { settings }) => sum + (settings.count ?? 1), 0);
  if (total > MAX_TAGS) {
    const message = `with the elements of its arrays the device has ${total} tags, more than ${MAX_TAGS}: make it two devices, or lower a count`;
    return [...problems, { field: 'tags', message }];
  }
  const placed: Placed[] = [];
  tags.forEach(({ name, settings }, index) => {
    const wrong = checkForm(settings);
    if (wrong.length > 0) {
      problems.push(...wrong.map((problem) => ({ tag: index, ...problem })));
      return;
    }
    const misplaced = checkPlace(device, settings, forbidden);
    if (misplaced) {
      problems.push({ tag: index, ...misplaced });
      return;
    }
    const elements = elementsOf(settings);
    const parts = (elements.length > 0 ? elements : [{ suffix: '', settings }]).map((part) => {
      const address = parseAddress(part.settings.address) as Address;
      const width = isBitTable(address.table) ? 1 : widthOf(part.settings);
      return { index, name: name + part.suffix, tag: part.settings, address, end: address.offset + width };
    });
    placed.push(...parts);
  });
  problems.push(...clashes(placed), ...checkWritable(tags), ...doubtfulNotation(tags));
  return problems;
}

/** The first address that was perhaps copied out of a manual and given a table: told once for a device. */
function doubtfulNotation(tags: { settings: ModbusTag }[]): ConfigProblem[] {
  const index = tags.findIndex(({ settings }) => classicReading(settings.address));
  if (index < 0) return [];
  const { address } = tags[index]!.settings;
  const classic = said(classicReading(address)!);
  const number = String(address).replace(/^\w+:/, '');
  const message = `${address} is read as address ${number} counted from 0; if a manual calls the register ${number}, write ${number} or ${classic} instead (told for the first such tag of the device)`;
  return [{ tag: index, field: 'address', warning: true, message }];
}

/** Whether the settings of a tag go together. */
function checkForm(tag: ModbusTag): ConfigProblem[] {
  const address = parseAddress(tag.address);
  if (typeof address === 'string') return [{ field: 'address', message: address }];
  const problems: ConfigProblem[] = [];
  const bits = isBitTable(address.table);
  const say = (field: string, message: string) => problems.push({ field, message });
  if (bits && tag.type !== 'bool') {
    say(
      'type',
      `a ${address.table} is one bit and cannot be ${tag.type}: write type: bool, or read a register (holding: or input:)`,
    );
  }
  if (bits && tag.bit !== undefined) say('bit', `a ${address.table} is one bit already: remove bit`);
  if (!bits && tag.type === 'bool' && tag.bit === undefined) {
    say('type', `a register has 16 bits: add bit: 0 to 15 to say which one is the bool, or write type: uint16`);
  }
  if (!bits && tag.type !== 'bool' && tag.bit !== undefined) {
    say('bit', `bit goes with type: bool, not with ${tag.type}: remove bit or change the type`);
  }
  const isByte = tag.type === 'int8' || tag.type === 'uint8';
  if (!bits && tag.byte !== undefined && !isByte) {
    say('byte', `byte goes with int8 and uint8, not with ${tag.type}: remove byte or change the type`);
  }
  if (!bits && tag.type === 'string' && tag.length === undefined) {
    say('type', `a string needs length: how many registers it takes, two characters each`);
  }
  for (const field of ['length', 'encoding'] as const) {
    if (tag[field] !== undefined && tag.type !== 'string') {
      say(field, `${field} goes with type: string, not with ${tag.type}: remove ${field} or change the type`);
    }
  }
  if (tag.wordOrder.length === 8 && widthOf(tag) !== 4 && tag.type !== 'string') {
    say(
      'wordOrder',
      `${tag.wordOrder} orders the eight bytes of 64 bits, and ${tag.type} has fewer: write ABCD, CDAB, BADC or DCBA`,
    );
  }
  if (tag.type === 'string' && tag.wordOrder !== 'ABCD' && tag.wordOrder !== 'BADC') {
    say(
      'wordOrder',
      `the registers of a string are read in their order: write ABCD when the first character is in the high byte, BADC when it is in the low byte`,
    );
  }
  return problems;
}

/** Whether requests can reach every value of a tag. */
function checkPlace(device: ModbusDevice, tag: ModbusTag, forbidden: AddressRange[]): ConfigProblem | null {
  const { table, offset } = parseAddress(tag.address) as Address;
  const end = offset + spanOf(tag, table);
  const width = widthOf(tag);
  const what = tag.count === undefined ? tag.type : `${tag.count} × ${tag.type}`;
  const unit = isBitTable(table) ? 'bits' : 'registers';
  if (end - 1 > HIGHEST_ADDRESS) {
    return {
      field: 'address',
      message: `${what} takes ${end - offset} ${unit} and ${tag.address} leaves no room for them before ${HIGHEST_ADDRESS}: the highest address for it is ${table}:${HIGHEST_ADDRESS + 1 - (end - offset)}`,
    };
  }
  if (!isBitTable(table) && width > device.maxBlock) {
    return {
      field: 'type',
      message: `${tag.type} takes ${width} registers, more than maxBlock (${device.maxBlock}) lets one request read: raise maxBlock to ${width} or more`,
    };
  }
  const range = forbidden.find((one) => one.table === table && one.first < end && one.last >= offset);
  if (!range) return null;
  return {
    field: 'address',
    message: `it takes ${table}:${offset}${end - offset > 1 ? ` to ${table}:${end - 1}` : ''}, and the device's forbidden range ${range.table}:${range.first}-${range.last} is never read: correct one of them`,
  };
}

/** Two tags for the same bits, and values that begin inside other values. */
function clashes(placed: Placed[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const seen = new Map<string, Placed>();
  /** The value of several registers that reaches furthest so far, for each table. */
  const reach = new Map<string, Placed>();
  /** Arrays that lie over each other are told once, not once for each of their elements. */
  const told = new Set<string>();
  const tell = (one: Placed, other: Placed, tag: number, message: string) => {
    const pair = `${Math.min(one.index, other.index)} ${Math.max(one.index, other.index)}`;
    if (!told.has(pair)) problems.push({ tag, field: 'address', message });
    told.add(pair);
  };
  const sorted = [...placed].sort((a, b) => a.address.offset - b.address.offset || a.index - b.index);
  for (const one of sorted) {
    const { table, offset } = one.address;
    const { type } = one.tag;
    // One register under two names is well when something is different, such as the scale.
    const settings = { ...one.tag, address: said(one.address), name: '', description: '' };
    const key = JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
    const same = seen.get(key);
    if (same) {
      const message = `"${one.name}" and "${same.name}" both read ${one.tag.address} as ${type}: remove one, or correct its address`;
      tell(one, same, Math.max(one.index, same.index), message);
      continue;
    }
    seen.set(key, one);
    if (one.end - offset < 2) continue;
    const before = reach.get(table);
    if (before && before.end > offset && before.address.offset !== offset) {
      const message = `${one.tag.address} (${type}) begins inside "${before.name}", which takes ${table}:${before.address.offset} to ${table}:${before.end - 1}: correct the address or the type of one of them`;
      tell(one, before, one.index, message);
    }
    if (!before || one.end > before.end) reach.set(table, one);
  }
  return problems;
}
