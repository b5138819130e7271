/**
 * Reads Sparkplug B payloads of whoever sent them. Templates and data sets are handed on as bytes: nothing here
 * descends into what may be nested without end, and every list has a bound.
 */
import { LinesideError } from '../../errors/lineside-error.ts';
import { ProtoReader } from '../proto-reader.ts';
import type { Int64, Metric, Payload, Property, WireValue } from './payload.ts';

/** Larger messages are refused unread: a birth of 100,000 metrics has about half of it. Bytes. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

const MAX_METRICS = 250_000;
const MAX_PROPERTIES = 100;

/** ECMA-262, 21.4.1.1. */
const MAX_TIME = 8.64e15;

/** Kind and wire type of the fields of the `oneof`, of which the last one counts. */
type ValueFields = Record<number, [WireValue['kind'], number]>;
const METRIC_VALUES: ValueFields = {
  10: ['int', 0],
  11: ['long', 0],
  12: ['float', 5],
  13: ['double', 1],
  14: ['boolean', 0],
  15: ['string', 2],
  16: ['bytes', 2],
  17: ['dataset', 2],
  18: ['template', 2],
  19: ['extension', 2],
};
const PROPERTY_VALUES: ValueFields = {
  3: ['int', 0],
  4: ['long', 0],
  5: ['float', 5],
  6: ['double', 1],
  7: ['boolean', 0],
  8: ['string', 2],
  9: ['propertyset', 2],
  10: ['propertysets', 2],
  11: ['extension', 2],
};

function malformed(what: string): LinesideError {
  return new LinesideError('SPARKPLUG_MALFORMED', 'peer', `malformed Sparkplug payload: ${what}`);
}

/**
 * The values stay as they are on the wire, and texts and bytes are views on `bytes`: value.ts says what they mean.
 *
 * @throws LinesideError SPARKPLUG_MALFORMED or WIRE_MALFORMED, saying what does not fit.
 */
export function readPayload(bytes: Uint8Array): Payload {
  if (bytes.length > MAX_PAYLOAD_BYTES) throw malformed(`${bytes.length} bytes are more than ${MAX_PAYLOAD_BYTES}`);
  const reader = new ProtoReader(bytes);
  const payload: Payload = { metrics: [] };
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field === 1) payload.timestamp = time(reader, wire, 'Payload.timestamp');
    else if (field === 2) {
      reader.expect(wire, 2, 'Payload.metrics');
      if (payload.metrics.length >= MAX_METRICS) throw malformed(`more than ${MAX_METRICS} metrics`);
      payload.metrics.push(readMetric(reader.nested()));
    } else if (field === 3) {
      payload.seq = unsigned(reader, wire, 'Payload.seq', 255);
    } else if (field === 4) {
      reader.expect(wire, 2, 'Payload.uuid');
      payload.uuid = reader.string();
    } else if (field === 5) {
      reader.expect(wire, 2, 'Payload.body');
      payload.body = reader.bytes();
    } else reader.skip(wire);
  }
  return payload;
}

function readMetric(reader: ProtoReader): Metric {
  const metric: Metric = {};
  while (!reader.done) {
    const { field, wire } = reader.key();
    const value = METRIC_VALUES[field];
    if (value) metric.value = readValue(reader, wire, value, 'Metric');
    else if (field === 1) {
      reader.expect(wire, 2, 'Metric.name');
      metric.name = reader.string();
    } else if (field === 2) {
      reader.expect(wire, 0, 'Metric.alias');
      metric.alias = reader.uint64();
    } else if (field === 3) metric.timestamp = time(reader, wire, 'Metric.timestamp');
    else if (field === 4) metric.datatype = unsigned(reader, wire, 'Metric.datatype', 0xffff_ffff);
    else if (field === 5) metric.isHistorical = flag(reader, wire, 'Metric.is_historical');
    else if (field === 6) metric.isTransient = flag(reader, wire, 'Metric.is_transient');
    else if (field === 7) metric.isNull = flag(reader, wire, 'Metric.is_null');
    else if (field === 9) {
      reader.expect(wire, 2, 'Metric.properties');
      metric.properties = readProperties(reader.nested());
    } else reader.skip(wire);
  }
  return metric;
}

function readProperties(reader: ProtoReader): Property[] {
  const keys: string[] = [];
  const values: Omit<Property, 'key'>[] = [];
  while (!reader.done) {
    const { field, wire } = reader.key();
    if (field > 2) {
      reader.skip(wire);
      continue;
    }
    reader.expect(wire, 2, `PropertySet.${field}`);
    if (field === 1) keys.push(reader.string());
    else values.push(readProperty(reader.nested()));
    if (Math.max(keys.length, values.length) > MAX_PROPERTIES) {
      throw malformed(`a metric has more than ${MAX_PROPERTIES} properties`);
    }
  }
  if (keys.length !== values.length) {
    throw malformed(`a property set has ${keys.length} keys and ${values.length} values`);
  }
  return keys.map((key, i) => ({ key, ...values[i]! }));
}

function readProperty(reader: ProtoReader): Omit<Property, 'key'> {
  const property: Omit<Property, 'key'> = { type: 0, isNull: false, value: undefined };
  while (!reader.done) {
    const { field, wire } = reader.key();
    const value = PROPERTY_VALUES[field];
    if (value) property.value = readValue(reader, wire, value, 'PropertyValue');
    else if (field === 1) property.type = unsigned(reader, wire, 'PropertyValue.type', 0xffff_ffff);
    else if (field === 2) property.isNull = flag(reader, wire, 'PropertyValue.is_null');
    else reader.skip(wire);
  }
  return property;
}

function readValue(
  reader: ProtoReader,
  wire: number,
  [kind, wanted]: ValueFields[number],
  message: string,
): WireValue {
  reader.expect(wire, wanted, `${message}.${kind}_value`);
  switch (kind) {
    case 'int':
      return { kind, value: Number(BigInt.asUintN(32, BigInt(reader.uint64()))) };
    case 'long':
      return { kind, value: reader.uint64() };
    case 'float':
      return { kind, value: reader.float32() };
    case 'double':
      return { kind, value: reader.float64() };
    case 'boolean':
      return { kind, value: bool(reader.uint64()) };
    case 'string':
      return { kind, value: reader.string() };
    default:
      return { kind, value: reader.bytes() };
  }
}

function unsigned(reader: ProtoReader, wire: number, field: string, max: number): number {
  reader.expect(wire, 0, field);
  const value = reader.uint64();
  if (value > max) throw malformed(`${field} is ${value}, more than ${max}`);
  return Number(value);
}

function time(reader: ProtoReader, wire: number, field: string): number {
  return unsigned(reader, wire, field, MAX_TIME);
}

function flag(reader: ProtoReader, wire: number, field: string): boolean {
  reader.expect(wire, 0, field);
  return bool(reader.uint64());
}

function bool(value: Int64): boolean {
  return Number(value) !== 0;
}
