/** Values of a server to values of a frame. */
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { isBad, Quality } from '@lineside/shared/contracts/quality.ts';
import type { DataValue, Variant } from 'node-opcua-client';

/** The built-in types by their number (OPC 10000-6, 5.1.2); from here, so that the client need not be loaded. */
const TYPES =
  'Null Boolean SByte Byte Int16 UInt16 Int32 UInt32 Int64 UInt64 Float Double String DateTime Guid ByteString XmlElement NodeId ExpandedNodeId StatusCode QualifiedName LocalizedText ExtensionObject DataValue Variant DiagnosticInfo'.split(
    ' ',
  );
const SCALAR = 0;
const NULL = TYPES.indexOf('Null');
const INT64 = TYPES.indexOf('Int64');
const UINT64 = TYPES.indexOf('UInt64');
const QUALIFIED_NAME = TYPES.indexOf('QualifiedName');
const LOCALIZED_TEXT = TYPES.indexOf('LocalizedText');

/** Name of a built-in type. */
export function typeName(type: number): string {
  return TYPES[type] ?? 'an unknown type';
}

export interface Converted {
  value: Value;
  quality: number;
  /** Set when the server has another type than the configuration says: the name of the server's type. */
  mismatch: string | null;
}

/** Value and quality; a Bad status has no value, and its code is kept. */
export function convert(data: DataValue, type: ValueType): Converted {
  const quality = data.statusCode.value >>> 0;
  if (isBad(quality)) return { value: null, quality, mismatch: null };
  const variant = data.value;
  if (!variant || variant.dataType === NULL || variant.value === null || variant.value === undefined) {
    return { value: null, quality: quality === Quality.Good ? Quality.BadNoData : quality, mismatch: null };
  }
  if (variant.arrayType !== SCALAR) return mismatch(`an array of ${TYPES[variant.dataType]}`);
  const value = scalar(variant, type);
  if (value === undefined) return mismatch(typeName(variant.dataType));
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

function numeric(raw: unknown, type: number): number | undefined {
  if (typeof raw === 'number') return raw;
  if (typeof raw === 'boolean') return raw ? 1 : 0;
  if (type === INT64 || type === UINT64) return wide(raw, type === INT64);
  return undefined;
}

/** Two 32-bit halves, the high one first, to a number. */
function wide(raw: unknown, signed: boolean): number | undefined {
  if (!Array.isArray(raw) && !(raw instanceof Uint32Array)) return undefined;
  const high = signed ? Number(raw[0]) | 0 : Number(raw[0]) >>> 0;
  const value = high * 0x1_0000_0000 + (Number(raw[1]) >>> 0);
  return Number.isSafeInteger(value) ? value : high < 0 ? -Infinity : Infinity;
}

function text(raw: unknown, type: number): string | undefined {
  if (typeof raw === 'string') return raw;
  if (typeof raw === 'number' || typeof raw === 'boolean') return String(raw);
  if (raw instanceof Date) return raw.toISOString();
  if (type === LOCALIZED_TEXT) return String((raw as { text?: string | null }).text ?? '');
  if (type === QUALIFIED_NAME) return String((raw as { name?: string | null }).name ?? '');
  if (type === INT64 || type === UINT64) {
    const value = wide(raw, type === INT64);
    return value === undefined || !Number.isFinite(value) ? undefined : String(value);
  }
  return undefined;
}
