/** Prints what a lane holds, a segment at a time: the memory that it takes does not grow with the backlog. */
import type { TagInfo, Value } from '@lineside/shared/contracts/frame.ts';
import { qualityName } from '@lineside/shared/contracts/quality.ts';
import { type Batch, NO_SAMPLES, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import { type LaneFolder, payloadOf, readSegment } from '../buffer/lane-folder.ts';
import type { ExportFilter } from './buffer.ts';
import type { Interruption } from './interruption.ts';
import type { ProgressLine } from './progress-line.ts';

const COLUMNS = ['at', 'receivedAt', 'device', 'tag', 'value', 'quality', 'unit', 'historical'] as const;

/** Returns the number of damaged places that were left out. */
export async function exportSamples(
  folder: LaneFolder,
  filter: ExportFilter,
  stop: Interruption,
  progress: ProgressLine,
): Promise<number> {
  if (filter.format === 'csv') await stop.print(`${COLUMNS.join(',')}\n`);
  const tags = new Map<number, TagInfo>();
  return eachBatch(folder, filter, stop, progress, (batch) => {
    for (const tag of batch.catalog) tags.set(tag.id, tag);
    return sampleLines(batch, tags, filter);
  });
}

/** The same for alarms and events, with their `kind` first. */
export async function exportUrgent(
  folder: LaneFolder,
  filter: ExportFilter,
  stop: Interruption,
  progress: ProgressLine,
): Promise<number> {
  const tags = new Map<number, TagInfo>();
  const wanted = (at: number, device: string | undefined, tag: string | undefined) =>
    at >= filter.from &&
    at < filter.to &&
    (!filter.devices || (device !== undefined && filter.devices.has(device))) &&
    (!filter.tags || (tag !== undefined && filter.tags.has(tag)));
  return eachBatch(folder, filter, stop, progress, (batch) => {
    for (const tag of batch.catalog) tags.set(tag.id, tag);
    let lines = '';
    for (const alarm of batch.alarms) {
      const tag = tags.get(alarm.tag)?.name;
      const entry = { kind: 'alarm', ...alarm, at: timeOf(alarm.at, filter), tag: tag ?? '' };
      if (wanted(alarm.at, alarm.device, tag)) lines += `${JSON.stringify(entry)}\n`;
    }
    for (const event of batch.events) {
      const [device, tag] = event.kind === 'write' ? [event.device, event.tag] : [];
      if (wanted(event.at, device, tag)) lines += `${JSON.stringify({ ...event, at: timeOf(event.at, filter) })}\n`;
    }
    return lines;
  });
}

async function eachBatch(
  folder: LaneFolder,
  { pending }: ExportFilter,
  stop: Interruption,
  progress: ProgressLine,
  linesOf: (batch: Batch) => string,
): Promise<number> {
  const hub = folder.cursors.find(({ name }) => name === 'hub')?.seq ?? 0;
  const after = pending ? hub : 0;
  let damaged = 0;
  for (const segment of folder.segments) {
    if (stop.signal.aborted) break;
    const found = segment.endSeq <= after + 1 ? undefined : await readSegment(folder, segment).catch(() => null);
    if (found === null) damaged++;
    damaged += found?.damaged.length ?? 0;
    for (const record of found?.records ?? []) {
      if (stop.signal.aborted) break;
      const batch = batchOf(payloadOf(found!, record));
      if (!batch) damaged++;
      else {
        // The catalogue counts also where its record is the hub's already.
        const lines = linesOf(record.seq > after ? batch : { ...emptyOf(batch), catalog: batch.catalog });
        if (lines !== '') await stop.print(lines);
      }
    }
    progress.done(segment.bytes);
  }
  return damaged;
}

function batchOf(payload: Buffer): Batch | null {
  try {
    return readBatch(decompressBatch(payload));
  } catch {
    return null;
  }
}

function emptyOf(batch: Batch): Batch {
  return { ...batch, alarms: [], events: [], frames: [], ...NO_SAMPLES };
}

function sampleLines(batch: Batch, tags: Map<number, TagInfo>, filter: ExportFilter): string {
  let lines = '';
  for (const { receivedAt, from, to, historical } of batch.frames) {
    for (let i = from; i < to; i++) {
      const at = batch.sourceAt[i]!;
      if (at < filter.from || at >= filter.to) continue;
      const tag = tags.get(batch.tags[i]!);
      if (filter.devices && !filter.devices.has(tag?.device ?? '')) continue;
      if (filter.tags && !filter.tags.has(tag?.name ?? '')) continue;
      const row = [
        timeOf(at, filter),
        timeOf(receivedAt, filter),
        tag?.device ?? '',
        tag?.name ?? `#${batch.tags[i]}`,
        batch.values.at(i),
        qualityName(batch.quality[i]!),
        tag?.unit ?? '',
        historical,
      ];
      lines += filter.format === 'csv' ? csvLine(row) : jsonLine(row);
    }
  }
  return lines;
}

function timeOf(at: number, { time }: ExportFilter): string | number {
  return time === 'ms' ? at : new Date(at).toISOString();
}

function jsonLine(row: Value[]): string {
  return `{${COLUMNS.map((name, i) => `"${name}":${JSON.stringify(row[i])}`).join(',')}}\n`;
}

/** RFC 4180; a value that is not there is an empty field, an empty text is "". */
function csvLine(row: Value[]): string {
  const fields = row.map((value) => {
    if (value === null) return '';
    if (typeof value !== 'string') return String(value);
    return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  });
  return `${fields.join(',')}\n`;
}
