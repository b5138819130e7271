/** Writes Sparkplug B payloads. Nested messages are written into writers that are used again and again. */
import { ProtoWriter } from '../proto-writer.ts';
import type { Metric, Payload, Property, WireValue } from './payload.ts';

/** Field numbers of the `oneof` of a Metric and of a PropertyValue. */
const METRIC_FIELDS: Partial<Record<WireValue['kind'], number>> = {
  int: 10,
  long: 11,
  float: 12,
  double: 13,
  boolean: 14,
  string: 15,
  bytes: 16,
  dataset: 17,
  template: 18,
  extension: 19,
};
const PROPERTY_FIELDS: Partial<Record<WireValue['kind'], number>> = {
  int: 3,
  long: 4,
  float: 5,
  double: 6,
  boolean: 7,
  string: 8,
  propertyset: 9,
  propertysets: 10,
  extension: 11,
};

const payloadWriter = new ProtoWriter(16 * 1024);
const metricWriter = new ProtoWriter();
const setWriter = new ProtoWriter();
const valueWriter = new ProtoWriter(256);

/** The payload's bytes, in memory of their own. */
export function writePayload({ timestamp, metrics, seq, uuid, body }: Payload): Buffer {
  const writer = payloadWriter;
  writer.reset();
  if (timestamp !== undefined) unsigned(writer, 1, timestamp);
  for (const metric of metrics) writer.bytesField(2, encodeMetric(metric), true);
  if (seq !== undefined) unsigned(writer, 3, seq);
  if (uuid !== undefined) writer.stringField(4, uuid, true);
  if (body !== undefined) writer.bytesField(5, body, true);
  return Buffer.from(writer.view());
}

function encodeMetric(metric: Metric): Buffer {
  const writer = metricWriter;
  writer.reset();
  if (metric.name !== undefined) writer.stringField(1, metric.name, true);
  if (metric.alias !== undefined) {
    writer.varint(2 * 8);
    writer.uint64(metric.alias);
  }
  if (metric.timestamp !== undefined) unsigned(writer, 3, metric.timestamp);
  if (metric.datatype !== undefined) unsigned(writer, 4, metric.datatype);
  if (metric.isHistorical) unsigned(writer, 5, 1);
  if (metric.isTransient) unsigned(writer, 6, 1);
  if (metric.isNull) unsigned(writer, 7, 1);
  if (metric.properties && metric.properties.length > 0) writer.bytesField(9, encodeProperties(metric.properties));
  if (metric.value) writeValue(writer, METRIC_FIELDS, metric.value);
  return writer.view();
}

function encodeProperties(properties: Property[]): Buffer {
  setWriter.reset();
  for (const { key } of properties) setWriter.stringField(1, key, true);
  for (const { type, isNull, value } of properties) {
    valueWriter.reset();
    unsigned(valueWriter, 1, type);
    if (isNull) unsigned(valueWriter, 2, 1);
    if (value) writeValue(valueWriter, PROPERTY_FIELDS, value);
    setWriter.bytesField(2, valueWriter.view(), true);
  }
  return setWriter.view();
}

function writeValue(writer: ProtoWriter, fields: typeof METRIC_FIELDS, { kind, value }: WireValue): void {
  const field = fields[kind];
  if (field === undefined) throw new TypeError(`a value of kind ${kind} does not go here`);
  if (kind === 'string') writer.stringField(field, value, true);
  else if (typeof value === 'object') writer.bytesField(field, value, true);
  else if (kind === 'float') {
    writer.varint(field * 8 + 5);
    writer.float32(value);
  } else if (kind === 'double') {
    writer.varint(field * 8 + 1);
    writer.float64(value);
  } else {
    writer.varint(field * 8);
    writer.uint64(typeof value === 'boolean' ? Number(value) : value);
  }
}

/** Unlike in proto3, a 0 is there too: its absence says something else. */
function unsigned(writer: ProtoWriter, field: number, value: number): void {
  writer.varint(field * 8);
  writer.varint(value);
}
