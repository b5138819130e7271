/** What a Sparkplug metric says, as a value with an OPC UA status code. */
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import { isBad, Quality } from '@lineside/shared/contracts/quality.ts';
import { DataType, type Metric, type Property, SparkplugQuality } from '@lineside/shared/wire/sparkplug/payload.ts';
import { sparkplugValue } from '@lineside/shared/wire/sparkplug/value.ts';

const MAX_TEXT = 16 * 1024;

const TYPES = new Map<number, ValueType>([
  [DataType.Int8, 'integer'],
  [DataType.Int16, 'integer'],
  [DataType.Int32, 'integer'],
  [DataType.Int64, 'integer'],
  [DataType.UInt8, 'integer'],
  [DataType.UInt16, 'integer'],
  [DataType.UInt32, 'integer'],
  [DataType.UInt64, 'integer'],
  [DataType.DateTime, 'integer'],
  [DataType.Float, 'float32'],
  [DataType.Double, 'float64'],
  [DataType.Boolean, 'boolean'],
  [DataType.String, 'string'],
  [DataType.Text, 'string'],
  [DataType.UUID, 'string'],
]);

/** Undefined for what is no single value: arrays, data sets, templates, bytes. */
export function typeOf(datatype: number | undefined): ValueType | undefined {
  return TYPES.get(datatype ?? DataType.Unknown);
}

/**
 * An integer beyond ±2^53 becomes its text: a number would be another one.
 *
 * @param datatype from the birth
 * @throws LinesideError SPARKPLUG_VALUE, or an Error, saying what does not fit
 */
export function readValue(metric: Metric, datatype: number): { value: Value; quality: number } {
  const quality = qualityOf(metric.properties);
  const given = sparkplugValue(metric, datatype);
  if (given === null) return { value: null, quality: isBad(quality) ? quality : Quality.BadNoData };
  if (typeof given === 'object') throw new Error('bytes are no value');
  if (typeof given === 'bigint') return { value: given.toString(), quality };
  if (typeof given === 'string' && given.length > MAX_TEXT) {
    throw new Error(`a text of ${given.length} characters is longer than ${MAX_TEXT}`);
  }
  return { value: given, quality };
}

/** Without the property it is good. Other numbers than Sparkplug's are those of OPC DA, whose two bits tell. */
function qualityOf(properties: readonly Property[] | undefined): number {
  const property = properties?.find(({ key }) => key === 'Quality');
  const code = property ? numberOf(property) : null;
  if (code === null || code === SparkplugQuality.Good) return Quality.Good;
  if (code === SparkplugQuality.Stale) return Quality.UncertainLastUsableValue;
  const bits = code & 0xc0;
  return bits === 0xc0 ? Quality.Good : bits === 0x40 ? Quality.Uncertain : Quality.Bad;
}

function numberOf(property: Property): number | null {
  try {
    const value = sparkplugValue(property);
    return typeof value === 'number' ? value : null;
  } catch {
    return null;
  }
}

/** The text of a property; empty when there is none. */
export function textOf(properties: readonly Property[] | undefined, key: string, max: number): string {
  const wire = properties?.find((property) => property.key.toLowerCase() === key)?.value;
  return wire?.kind === 'string' ? wire.value.slice(0, max) : '';
}

/** Whether nothing would be news. */
export function sameSample(
  a: { value: Value; quality: number },
  b: { value: Value; quality: number } | undefined,
): boolean {
  return b !== undefined && Object.is(a.value, b.value) && a.quality === b.quality;
}
