/** Values of a frame to values of a server, the other way of convert.ts. */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { typeName } from './convert.ts';

/** What a Variant is made of. */
export interface Encoded {
  dataType: number;
  /** A scalar. */
  arrayType: 0;
  value: boolean | number | string | [high: number, low: number];
}

const WHOLE: Record<string, [least: number, most: number]> = {
  SByte: [-128, 127],
  Byte: [0, 255],
  Int16: [-32_768, 32_767],
  UInt16: [0, 65_535],
  Int32: [-2_147_483_648, 2_147_483_647],
  UInt32: [0, 4_294_967_295],
  // Beyond these a number of this program is no longer exact.
  Int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  UInt64: [0, Number.MAX_SAFE_INTEGER],
};

const MOST_FLOAT = 3.4028234663852886e38;

/**
 * A value as the built-in type of its node. A number between two whole ones becomes the nearer of them where the type
 * has only whole ones: after scaling back, 21.5 is 215.00000000000003.
 *
 * @param dataType number of the built-in type (OPC 10000-6, 5.1.2)
 * @returns a string when the value has no place there: why, for an operator
 */
export function encodeValue(dataType: number, value: Value): Encoded | string {
  const type = typeName(dataType);
  if (type === 'Boolean') {
    if (typeof value !== 'boolean' && value !== 0 && value !== 1) return `${said(value)} is not true or false`;
    return { dataType, arrayType: 0, value: Boolean(value) };
  }
  if (type === 'String')
    return typeof value === 'string' ? { dataType, arrayType: 0, value } : `${said(value)} is not a text`;
  const range = WHOLE[type];
  if (!range && type !== 'Float' && type !== 'Double') {
    return `the node holds a ${type}, which cannot be written from here; only booleans, numbers and texts can`;
  }
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return `${said(value)} is not a number`;
  if (!range) {
    if (type === 'Double') return { dataType, arrayType: 0, value: number };
    if (Math.abs(number) > MOST_FLOAT) return `${number} does not fit a Float`;
    return { dataType, arrayType: 0, value: Math.fround(number) };
  }
  const whole = Math.round(number);
  if (whole < range[0] || whole > range[1]) {
    return `${whole} does not fit the node's ${type}, which goes from ${range[0]} to ${range[1]}`;
  }
  return { dataType, arrayType: 0, value: type.endsWith('64') ? halves(whole) : whole };
}

/** The high half first; a negative one in two's complement. */
function halves(whole: number): [high: number, low: number] {
  return [Math.floor(whole / 0x1_0000_0000) >>> 0, whole >>> 0];
}

function said(value: Value): string {
  return JSON.stringify(value);
}
