/** What a metric's value means by its data type, and how a value of that type goes onto the wire. */
import { LinesideError } from '../../errors/lineside-error.ts';
import { DataType, dataTypeName, type Int64, type Metric, type Property, type WireValue } from './payload.ts';

/** A bigint only for an integer beyond ±2^53. Bytes for files and arrays, which are little-endian. */
export type SparkplugValue = Int64 | boolean | string | Uint8Array | null;

/** Bits of the integer types, and whether they have a sign. */
const INTEGERS = new Map<number, { bits: number; signed: boolean }>([
  [DataType.Int8, { bits: 8, signed: true }],
  [DataType.Int16, { bits: 16, signed: true }],
  [DataType.Int32, { bits: 32, signed: true }],
  [DataType.Int64, { bits: 64, signed: true }],
  [DataType.UInt8, { bits: 8, signed: false }],
  [DataType.UInt16, { bits: 16, signed: false }],
  [DataType.UInt32, { bits: 32, signed: false }],
  [DataType.UInt64, { bits: 64, signed: false }],
  [DataType.DateTime, { bits: 64, signed: false }],
]);

/** The kind that the other types are written as. */
const KINDS = new Map<number, WireValue['kind']>([
  [DataType.Float, 'float'],
  [DataType.Double, 'double'],
  [DataType.Boolean, 'boolean'],
  [DataType.String, 'string'],
  [DataType.Text, 'string'],
  [DataType.UUID, 'string'],
  [DataType.Bytes, 'bytes'],
  [DataType.File, 'bytes'],
  ...Array.from({ length: DataType.DateTimeArray - DataType.Int8Array + 1 }, (_, i): [number, WireValue['kind']] => [
    DataType.Int8Array + i,
    'bytes',
  ]),
]);

function unfit(what: string): LinesideError {
  return new LinesideError('SPARKPLUG_VALUE', 'peer', what);
}

/**
 * The value of a metric or a property; null when it has none.
 *
 * @param datatype from the birth, for data that does not carry it
 * @throws LinesideError SPARKPLUG_VALUE for what does not fit its type, and for templates and data sets
 */
export function sparkplugValue(
  holder: Pick<Metric, 'isNull' | 'value' | 'datatype'> | Property,
  datatype: number = ('type' in holder ? holder.type : holder.datatype) ?? DataType.Unknown,
): SparkplugValue {
  const { isNull, value: wire } = holder;
  if (isNull || !wire) return null;
  const integer = INTEGERS.get(datatype);
  // Some senders put a UInt32 into long_value, some a small Int64 into int_value.
  if (integer && (wire.kind === 'int' || wire.kind === 'long')) return integerOf(wire, integer, datatype);
  if (datatype === DataType.Unknown && (typeof wire.value !== 'object' || wire.kind === 'bytes')) return wire.value;
  const kind = KINDS.get(datatype);
  const float = (kind === 'float' || kind === 'double') && (wire.kind === 'float' || wire.kind === 'double');
  if (float || (kind !== undefined && kind === wire.kind)) return wire.value;
  throw unfit(
    kind || integer
      ? `a ${dataTypeName(datatype)} lies in ${wire.kind}_value`
      : `a ${dataTypeName(datatype)} cannot be read as a value`,
  );
}

/** Two's complement, of the type's own width or of the field's: senders differ. */
function integerOf(
  wire: { kind: string; value: Int64 },
  { bits, signed }: { bits: number; signed: boolean },
  datatype: number,
): Int64 {
  // The same in every reading, and nearly all are.
  if (wire.value < 2 ** (bits - 1) && typeof wire.value === 'number') return wire.value;
  const given = BigInt(wire.value);
  const width = given < 1n << BigInt(bits) ? bits : wire.kind === 'int' ? 32 : 64;
  const value = signed ? BigInt.asIntN(width, given) : given;
  const kept = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  if (kept !== value) throw unfit(`${value} is no ${dataTypeName(datatype)}`);
  return normal(value);
}

function normal(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/**
 * A value as it goes onto the wire.
 *
 * @throws LinesideError SPARKPLUG_VALUE when the type does not take it
 */
export function wireValue(datatype: number, value: Exclude<SparkplugValue, null>): WireValue {
  const integer = INTEGERS.get(datatype);
  if (integer) {
    const { bits, signed } = integer;
    const whole = typeof value === 'bigint' || Number.isInteger(value);
    const given = whole ? BigInt(value as Int64) : 0n;
    const kept = signed ? BigInt.asIntN(bits, given) : BigInt.asUintN(bits, given);
    if (!whole || kept !== given) throw unfit(`${String(value)} is no ${dataTypeName(datatype)}`);
    const unsigned = normal(BigInt.asUintN(bits, given));
    return bits === 64 ? { kind: 'long', value: unsigned } : { kind: 'int', value: Number(unsigned) };
  }
  const kind = KINDS.get(datatype);
  const type = kind === 'bytes' ? 'object' : kind === 'float' || kind === 'double' ? 'number' : kind;
  if (kind === undefined || typeof value !== type) {
    const given = typeof value === 'object' ? 'bytes' : String(value);
    throw unfit(`${given} cannot be written as ${dataTypeName(datatype)}`);
  }
  return { kind, value } as WireValue;
}
