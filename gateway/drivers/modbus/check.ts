/** What the schema of a Modbus device cannot say. */
import type { ConfigProblem } from '../driver.ts';
import { type Address, HIGHEST_ADDRESS, isBitTable, parseAddress } from './address.ts';
import type { ModbusDevice, ModbusTag } from './config.ts';
import { WIDTH } from './decode.ts';

interface Placed {
  index: number;
  name: string;
  tag: ModbusTag;
  address: Address;
  /** First address behind it. */
  end: number;
}

export function check(device: ModbusDevice, tags: { name: string; settings: ModbusTag }[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (device.retryMaxMs < device.retryMinMs) {
    problems.push({
      field: 'retryMaxMs',
      message: `retryMaxMs (${device.retryMaxMs}) is less than retryMinMs (${device.retryMinMs}): raise it or lower retryMinMs`,
    });
  }
  const placed: Placed[] = [];
  tags.forEach(({ name, settings }, index) => {
    const found = checkTag(device, settings);
    if (Array.isArray(found)) problems.push(...found.map((problem) => ({ tag: index, ...problem })));
    else {
      const width = isBitTable(found.table) ? 1 : WIDTH[settings.type];
      placed.push({ index, name, tag: settings, address: found, end: found.offset + width });
    }
  });
  problems.push(...clashes(placed));
  return problems;
}

function checkTag(device: ModbusDevice, tag: ModbusTag): Address | ConfigProblem[] {
  const address = parseAddress(tag.address);
  if (typeof address === 'string') return [{ field: 'address', message: address }];
  const problems: ConfigProblem[] = [];
  const bits = isBitTable(address.table);
  if (bits && tag.type !== 'bool') {
    problems.push({
      field: 'type',
      message: `a ${address.table} is one bit and cannot be ${tag.type}: write type: bool, or read a register (holding: or input:)`,
    });
  }
  if (bits && tag.bit !== undefined) {
    problems.push({ field: 'bit', message: `a ${address.table} is one bit already: remove bit` });
  }
  if (!bits && tag.type === 'bool' && tag.bit === undefined) {
    problems.push({
      field: 'type',
      message: `a register has 16 bits: add bit: 0 to 15 to say which one is the bool, or write type: uint16`,
    });
  }
  if (!bits && tag.type !== 'bool' && tag.bit !== undefined) {
    problems.push({
      field: 'bit',
      message: `bit goes with type: bool, not with ${tag.type}: remove bit or change the type`,
    });
  }
  if (problems.length > 0) return problems;
  const width = bits ? 1 : WIDTH[tag.type];
  if (address.offset + width - 1 > HIGHEST_ADDRESS) {
    return [
      {
        field: 'address',
        message: `${tag.type} takes ${width} registers and ${tag.address} leaves no room for them before ${HIGHEST_ADDRESS}: the highest address for it is ${address.table}:${HIGHEST_ADDRESS + 1 - width}`,
      },
    ];
  }
  if (!bits && width > device.maxBlock) {
    return [
      {
        field: 'type',
        message: `${tag.type} takes ${width} registers, more than maxBlock (${device.maxBlock}) lets one request read: raise maxBlock to ${width} or more`,
      },
    ];
  }
  return address;
}

/** Two tags for the same bits, and numbers that begin inside other numbers. */
function clashes(placed: Placed[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const seen = new Map<string, Placed>();
  /** The number of several registers that reaches furthest so far, for each table. */
  const reach = new Map<string, Placed>();
  const sorted = [...placed].sort((a, b) => a.address.offset - b.address.offset || a.index - b.index);
  for (const one of sorted) {
    const { table, offset } = one.address;
    const key = `${table} ${offset} ${one.tag.type} ${one.tag.bit ?? ''} ${one.tag.wordOrder}`;
    const same = seen.get(key);
    if (same) {
      problems.push({
        tag: Math.max(one.index, same.index),
        field: 'address',
        message: `"${one.name}" and "${same.name}" both read ${one.tag.address} as ${one.tag.type}: remove one, or correct its address`,
      });
      continue;
    }
    seen.set(key, one);
    if (one.end - offset < 2) continue;
    const before = reach.get(table);
    if (before && before.end > offset && before.address.offset !== offset) {
      problems.push({
        tag: one.index,
        field: 'address',
        message: `${one.tag.address} (${one.tag.type}) begins inside "${before.name}", which takes ${table}:${before.address.offset} to ${table}:${before.end - 1}: correct the address or the type of one of them`,
      });
    }
    if (!before || one.end > before.end) reach.set(table, one);
  }
  return problems;
}
