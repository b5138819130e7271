/** What a Sparkplug B message says, as sparkplug.proto beside this file has it on the wire. */

/** Sparkplug B 3.0, 6.4.16. */
export const DataType = {
  Unknown: 0,
  Int8: 1,
  Int16: 2,
  Int32: 3,
  Int64: 4,
  UInt8: 5,
  UInt16: 6,
  UInt32: 7,
  UInt64: 8,
  Float: 9,
  Double: 10,
  Boolean: 11,
  String: 12,
  DateTime: 13,
  Text: 14,
  UUID: 15,
  DataSet: 16,
  Bytes: 17,
  File: 18,
  Template: 19,
  PropertySet: 20,
  PropertySetList: 21,
  Int8Array: 22,
  Int16Array: 23,
  Int32Array: 24,
  Int64Array: 25,
  UInt8Array: 26,
  UInt16Array: 27,
  UInt32Array: 28,
  UInt64Array: 29,
  FloatArray: 30,
  DoubleArray: 31,
  BooleanArray: 32,
  StringArray: 33,
  DateTimeArray: 34,
} as const;

const typeNames = new Map<number, string>(Object.entries(DataType).map(([name, code]) => [code, name]));

/** The name of a data type, for people. */
export function dataTypeName(datatype: number): string {
  return typeNames.get(datatype) ?? `data type ${datatype}`;
}

/** A number where it is exact, a bigint beyond 2^53: so equal values are equal keys of a Map. */
export type Int64 = number | bigint;

/**
 * The field of the message that a value lies in. What it means depends on the data type, which data messages do not
 * carry: value.ts makes the one out of the other.
 */
export type WireValue =
  /** Unsigned, as in the message. */
  | { kind: 'int'; value: number }
  /** Unsigned, as in the message. */
  | { kind: 'long'; value: Int64 }
  | { kind: 'float' | 'double'; value: number }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'string'; value: string }
  | { kind: 'bytes'; value: Uint8Array }
  /** Encoded, and read no further. */
  | { kind: 'dataset' | 'template' | 'propertyset' | 'propertysets' | 'extension'; value: Uint8Array };

export interface Property {
  key: string;
  /** A DataType; 0 when the message does not say. */
  type: number;
  isNull: boolean;
  value: WireValue | undefined;
}

export interface Metric {
  name?: string;
  alias?: Int64;
  /** Milliseconds since 1970 UTC. */
  timestamp?: number;
  /** A DataType, or one of a later version. */
  datatype?: number;
  isHistorical?: boolean;
  isTransient?: boolean;
  isNull?: boolean;
  properties?: Property[];
  value?: WireValue;
}

export interface Payload {
  /** When it was sent, milliseconds since 1970 UTC. */
  timestamp?: number;
  seq?: number;
  metrics: Metric[];
  /** What `body` is. */
  uuid?: string;
  body?: Uint8Array;
}

/** Of the property `Quality` (Sparkplug B 3.0, 6.4.11): Int32. A metric without it is good. */
export const SparkplugQuality = { Bad: 0, Good: 192, Stale: 500 } as const;
export type SparkplugQuality = (typeof SparkplugQuality)[keyof typeof SparkplugQuality];

/** The metric that pairs a node's birth and death, and the one that asks a node for its births. */
export const BD_SEQ = 'bdSeq';
export const REBIRTH = 'Node Control/Rebirth';
