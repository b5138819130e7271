/** Tags and samples as Sparkplug metrics. A metric's alias is its tag's number, which no other tag ever gets. */
import type { TagInfo, Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { isBad, isGood } from '@lineside/shared/contracts/quality.ts';
import {
  DataType,
  type Metric,
  type Property,
  SparkplugQuality,
  type WireValue,
} from '@lineside/shared/wire/sparkplug/payload.ts';

export const DATA_TYPES: Record<ValueType, number> = {
  float64: DataType.Double,
  float32: DataType.Float,
  // Integers are exact up to 2^53, whatever the device has.
  integer: DataType.Int64,
  boolean: DataType.Boolean,
  string: DataType.String,
};

/** A value with its time and OPC UA StatusCode. */
export interface Sample {
  sourceAt: number;
  value: Value;
  quality: number;
}

/** Sparkplug knows good, bad, and stale: a value that is not to be taken for the present one. */
export function sparkplugQuality(code: number): SparkplugQuality {
  if (isGood(code)) return SparkplugQuality.Good;
  return isBad(code) ? SparkplugQuality.Bad : SparkplugQuality.Stale;
}

const QUALITIES = new Map<SparkplugQuality, Property>(
  Object.values(SparkplugQuality).map((code) => [
    code,
    { key: 'Quality', type: DataType.Int32, isNull: false, value: { kind: 'int', value: code } },
  ]),
);

/** Times before 1970 and fractions of a millisecond have no place in a message. */
function timestampOf(at: number, now: number): number {
  return at > 0 && at <= 8.64e15 ? Math.floor(at) : now;
}

function wireOf(type: ValueType, value: Value): WireValue | undefined {
  switch (type) {
    case 'float64':
      return typeof value === 'number' ? { kind: 'double', value } : undefined;
    case 'float32':
      return typeof value === 'number' ? { kind: 'float', value } : undefined;
    case 'integer':
      if (!Number.isSafeInteger(value)) return undefined;
      return {
        kind: 'long',
        value: (value as number) >= 0 ? (value as number) : 2n ** 64n + BigInt(value as number),
      };
    case 'boolean':
      return typeof value === 'boolean' ? { kind: 'boolean', value } : undefined;
    default:
      return typeof value === 'string' ? { kind: 'string', value } : undefined;
  }
}

/**
 * A metric of a birth: all that data messages leave out.
 *
 * @param last null when nothing has been read yet: then it is stale and has no value
 */
export function birthMetric(
  { id, name, type, unit }: Pick<TagInfo, 'id' | 'name' | 'type' | 'unit'>,
  last: Sample | null,
  now: number,
): Metric {
  const value = last ? wireOf(type, last.value) : undefined;
  const properties = [QUALITIES.get(last ? sparkplugQuality(last.quality) : SparkplugQuality.Stale)!];
  if (unit !== '') {
    properties.push({
      key: 'engUnit',
      type: DataType.String,
      isNull: false,
      value: { kind: 'string', value: unit },
    });
  }
  return {
    name,
    alias: id,
    timestamp: timestampOf(last?.sourceAt ?? now, now),
    datatype: DATA_TYPES[type],
    ...(value ? { value } : { isNull: true }),
    properties,
  };
}

/**
 * A metric of a data message.
 *
 * @param saysQuality whether the quality goes with it although it is good
 */
export function dataMetric(
  id: number,
  type: ValueType,
  { sourceAt, value, quality }: Sample,
  now: number,
  saysQuality: boolean,
): Metric {
  const wire = wireOf(type, value);
  const metric: Metric = { alias: id, timestamp: timestampOf(sourceAt, now) };
  if (wire) metric.value = wire;
  else metric.isNull = true;
  const code = sparkplugQuality(quality);
  if (saysQuality || code !== SparkplugQuality.Good) metric.properties = [QUALITIES.get(code)!];
  return metric;
}

/** Within a message, times only go on (Sparkplug B 3.0, 5.9). Nearly always they do already. */
export function inOrder(metrics: Metric[]): Metric[] {
  for (let i = 1; i < metrics.length; i++) {
    if (metrics[i]!.timestamp! < metrics[i - 1]!.timestamp!) {
      return metrics.sort((a, b) => a.timestamp! - b.timestamp!);
    }
  }
  return metrics;
}
