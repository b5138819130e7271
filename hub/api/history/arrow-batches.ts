/**
 * Histories as an Arrow stream (IPC), for pandas, Polars, DuckDB and R. Samples: tag, name, unit, at, value (numbers, booleans as
 * 0 and 1), text (texts), quality. Buckets: tag, name, unit, at and the aggregates.
 */
import {
  AsyncByteQueue,
  type DataType,
  Field,
  Float64,
  Int32,
  RecordBatchStreamWriter,
  Schema,
  Table,
  TimestampMillisecond,
  Uint32,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import type { HistoryBlock } from './history-reader.ts';
import type { Aggregate, HistoryTag } from './text-rows.ts';

/** Gives what was written in place of keeping it until somebody reads. */
class Collector extends AsyncByteQueue {
  #chunks: Uint8Array[] = [];

  override write(chunk: Uint8Array): void {
    this.#chunks.push(Uint8Array.from(chunk));
  }

  take(): Buffer {
    return Buffer.concat(this.#chunks.splice(0));
  }
}

const COUNTS = new Set<Aggregate>(['count', 'good']);

export async function* arrowOf(
  blocks: AsyncIterable<HistoryBlock>,
  tags: Map<number, HistoryTag>,
  aggregates: Aggregate[],
  raw: boolean,
): AsyncGenerator<Buffer> {
  const types: [string, DataType][] = [
    ...([
      ['tag', new Int32()],
      ['name', new Utf8()],
      ['unit', new Utf8()],
      ['at', new TimestampMillisecond('UTC')],
    ] as [string, DataType][]),
    ...(raw
      ? ([
          ['value', new Float64()],
          ['text', new Utf8()],
          ['quality', new Uint32()],
        ] as [string, DataType][])
      : aggregates.map((name): [string, DataType] => [name, COUNTS.has(name) ? new Uint32() : new Float64()])),
  ];
  const schema = new Schema(types.map(([name, type]) => new Field(name, type, true)));
  const collector = new Collector();
  const writer = new RecordBatchStreamWriter();
  writer.reset(collector, schema);
  for await (const block of blocks) {
    const columns = columnsOf(block, tags.get(block.tag)!, aggregates);
    const vectors = Object.fromEntries(types.map(([name, type], i) => [name, vectorFromArray(columns[i]!, type)]));
    for (const batch of new Table(schema, vectors as Record<string, Vector>).batches) writer.write(batch);
    yield collector.take();
  }
  writer.finish();
  yield collector.take();
}

function columnsOf(
  { samples, buckets }: HistoryBlock,
  { id, name, unit }: HistoryTag,
  aggregates: Aggregate[],
): unknown[][] {
  const rows = samples ?? buckets;
  const heads = [rows.map(() => id), rows.map(() => name), rows.map(() => unit), rows.map(({ at }) => at)];
  if (buckets) return [...heads, ...aggregates.map((aggregate) => buckets.map((bucket) => bucket[aggregate]))];
  return [
    ...heads,
    samples.map(({ value }) =>
      typeof value === 'boolean' ? Number(value) : typeof value === 'number' ? value : null,
    ),
    samples.map(({ value }) => (typeof value === 'string' ? value : null)),
    samples.map(({ quality }) => quality),
  ];
}
