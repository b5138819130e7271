/** Histories as lines of text, one a sample or bucket. Times are milliseconds, and ISO 8601 in UTC beside them. */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { Bucket } from '../../store/timeseries/summary.ts';
import type { HistoryBlock } from './history-reader.ts';

export type Aggregate = Exclude<keyof Bucket, 'at'>;

export interface HistoryTag {
  id: number;
  name: string;
  unit: string;
}

/** RFC 4180. A text, and only a text, is in quotes. */
export async function* csvOf(
  blocks: AsyncIterable<HistoryBlock>,
  tags: Map<number, HistoryTag>,
  aggregates: Aggregate[],
  raw: boolean,
): AsyncGenerator<string> {
  yield `tag,name,unit,at,time,${raw ? 'value,quality' : aggregates.join()}\r\n`;
  for await (const { tag, samples, buckets } of blocks) {
    const { name, unit } = tags.get(tag)!;
    const head = `${tag},${quoted(name)},${quoted(unit)}`;
    let text = '';
    for (const { at, value, quality } of samples ?? []) {
      text += `${head},${at},${isoOf(at)},${typeof value === 'string' ? quoted(value) : (value ?? '')},${quality}\r\n`;
    }
    for (const bucket of buckets ?? []) {
      text += `${head},${bucket.at},${isoOf(bucket.at)},${aggregates.map((name) => bucket[name] ?? '').join()}\r\n`;
    }
    yield text;
  }
}

/** One JSON object a line. NaN and infinities, which JSON does not have, are texts. */
export async function* jsonLinesOf(
  blocks: AsyncIterable<HistoryBlock>,
  tags: Map<number, HistoryTag>,
  aggregates: Aggregate[],
): AsyncGenerator<string> {
  for await (const { tag, samples, buckets } of blocks) {
    const { name, unit } = tags.get(tag)!;
    let text = '';
    for (const { at, value, quality } of samples ?? []) {
      text += `${JSON.stringify({ tag, name, unit, at, time: isoOf(at), value: jsonValue(value), quality })}\n`;
    }
    for (const bucket of buckets ?? []) {
      const wanted = Object.fromEntries(aggregates.map((aggregate) => [aggregate, bucket[aggregate]]));
      text += `${JSON.stringify({ tag, name, unit, at: bucket.at, time: isoOf(bucket.at), ...wanted })}\n`;
    }
    yield text;
  }
}

export function jsonValue(value: Value): Value {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Empty for a time that no calendar has. */
function isoOf(at: number): string {
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : '';
}
