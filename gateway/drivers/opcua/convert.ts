/** Values of a server to values of a frame. */
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { isBad, Quality } from '@lineside/shared/contracts/quality.ts';
import { DataType, type DataValue, type Variant, VariantArrayType } from 'node-opcua-client';

export interface Converted {
  value: Value;
  quality: number;
  /** Set when the server has another type than the configuration says: the name of the server's type. */
  mismatch: string | null;
}

/** Bits that say "the server's queue overflowed here": type DataValue and Overflow (OPC 10000-4, 7.39.1, table 174). */
const OVERFLOW = 0x0480;

/** True when the server has thrown samples away just before or after this one. */
export function overflowed(quality: number): boolean {
  return (quality & OVERFLOW) === OVERFLOW;
}

/** Value and quality; a Bad status has no value, and its code is kept. */
export function convert(data: DataValue, type: ValueType): Converted {
  const quality = data.statusCode.value >>> 0;
  if (isBad(quality)) return { value: null, quality, mismatch: null };
  const variant = data.value;
  if (!variant || variant.dataType === DataType.Null || variant.value === null || variant.value === undefined) {
    return { value: null, quality: quality === Quality.Good ? Quality.BadNoData : quality, mismatch: null };
  }
  if (variant.arrayType !== VariantArrayType.Scalar) return mismatch(`an array of ${DataType[variant.dataType]}`);
  const value = scalar(variant, type);
  if (value === undefined) return mismatch(DataType[variant.dataType] ?? 'an unknown type');
  if (typeof value === 'number' && value - value !== 0) {
    return {
      value: null,
      quality: Number.isNaN(value) ? Quality.BadSensorFailure : Quality.BadOutOfRange,
      mismatch: null,
    };
  }
  return { value, quality, mismatch: null };
}

function mismatch(served: string): Converted {
  return { value: null, quality: Quality.BadConfigurationError, mismatch: served };
}

/** Undefined when the type does not fit; an infinity when the number does not fit a double exactly. */
function scalar(variant: Variant, type: ValueType): Value | undefined {
  const raw: unknown = variant.value;
  if (type === 'string') return text(raw, variant.dataType);
  const number = numeric(raw, variant.dataType);
  if (number === undefined) return undefined;
  if (type === 'boolean') return number !== 0;
  if (type === 'integer' && Number.isFinite(number) && !Number.isInteger(number)) return undefined;
  return number;
}

function numeric(raw: unknown, type: DataType): number | undefined {
  if (typeof raw === 'number') return raw;
  if (typeof raw === 'boolean') return raw ? 1 : 0;
  if (type === DataType.Int64 || type === DataType.UInt64) return wide(raw, type === DataType.Int64);
  return undefined;
}

/** Two 32-bit halves, the high one first, to a number. */
function wide(raw: unknown, signed: boolean): number | undefined {
  if (!Array.isArray(raw) && !(raw instanceof Uint32Array)) return undefined;
  const high = signed ? Number(raw[0]) | 0 : Number(raw[0]) >>> 0;
  const value = high * 0x1_0000_0000 + (Number(raw[1]) >>> 0);
  return Number.isSafeInteger(value) ? value : high < 0 ? -Infinity : Infinity;
}

function text(raw: unknown, type: DataType): string | undefined {
  if (typeof raw === 'string') return raw;
  if (typeof raw === 'number' || typeof raw === 'boolean') return String(raw);
  if (raw instanceof Date) return raw.toISOString();
  if (type === DataType.LocalizedText) return String((raw as { text?: string | null }).text ?? '');
  if (type === DataType.QualifiedName) return String((raw as { name?: string | null }).name ?? '');
  if (type === DataType.Int64 || type === DataType.UInt64) {
    const value = wide(raw, type === DataType.Int64);
    return value === undefined || !Number.isFinite(value) ? undefined : String(value);
  }
  return undefined;
}
