/** What a buffer's folder holds, from its headers: quick, however much there is. */
import { readFirstRecord } from '../buffer/first-record.ts';
import { type FolderSegment, type LaneFolder, readSegment } from '../buffer/lane-folder.ts';
import { bornAt } from '../buffer/segment-files.ts';

interface SegmentPicture {
  file: string;
  bytes: number;
  /** Milliseconds since 1970 UTC; null where the header is damaged. */
  bornAt: number | null;
  firstSeq: number;
  /** Null where the newest segment holds no record. */
  lastSeq: number | null;
  /** Null where the first record of this or of the next segment is damaged. */
  samples: number | null;
}

interface LanePicture {
  dir: string;
  epoch: string;
  bytes: number;
  oldestSeq: number;
  newestSeq: number;
  /** Samples in the epoch's records up to the newest. */
  totalSamples: number;
  /** For the hub. Samples are null where damage keeps them from being counted. */
  pendingRecords: number;
  pendingSamples: number | null;
  cursors: LaneFolder['cursors'];
  segments: SegmentPicture[];
  free: number;
  bad: string[];
}

export interface BufferPicture {
  samples: LanePicture;
  urgent: LanePicture | null;
}

export async function inspectBuffer(folder: {
  samples: LaneFolder;
  urgent: LaneFolder | null;
}): Promise<BufferPicture> {
  return {
    samples: await inspectLane(folder.samples),
    urgent: folder.urgent && (await inspectLane(folder.urgent)),
  };
}

async function inspectLane(folder: LaneFolder): Promise<LanePicture> {
  const { dir, epoch, cursors, free, bad } = folder;
  const segments: SegmentPicture[] = [];
  const before = await Promise.all(folder.segments.map((segment) => samplesBefore(folder, segment)));
  const newest = await newestWithRecords(folder);
  const last = newest?.records.at(-1);
  for (const [i, { file, path, bytes, firstSeq, endSeq }] of folder.segments.entries()) {
    const isNewest = endSeq === Number.POSITIVE_INFINITY;
    const hasNewest = newest?.file === file;
    const upTo = hasNewest ? last!.totalSamples : (before[i + 1] ?? null);
    const from = before[i]!;
    const lastSeq = hasNewest ? last!.seq : isNewest ? null : endSeq - 1;
    const samples = lastSeq === null ? 0 : upTo === null || from === null ? null : upTo - from;
    segments.push({ file, bytes, bornAt: await bornAt(path), firstSeq, lastSeq, samples });
  }
  const hub = cursors.find(({ name }) => name === 'hub')?.seq ?? 0;
  const oldestSeq = folder.segments[0]?.firstSeq ?? 0;
  const newestSeq = last?.seq ?? 0;
  const totalSamples = last?.totalSamples ?? 0;
  const committed = await samplesUpTo(folder, hub, totalSamples);
  return {
    ...{ dir, epoch, bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0), oldestSeq, newestSeq },
    totalSamples,
    pendingRecords: Math.max(0, newestSeq - Math.max(hub, oldestSeq - 1)),
    pendingSamples: committed === null ? null : Math.max(0, totalSamples - committed),
    ...{ cursors, segments, free, bad },
  };
}

/** The newest segment with a sound record, and its records. */
async function newestWithRecords(folder: LaneFolder) {
  for (const segment of folder.segments.toReversed()) {
    const found = await readSegment(folder, segment).catch(() => undefined);
    if (found && found.records.length > 0) return { file: segment.file, records: found.records };
  }
  return undefined;
}

/** Samples in all records that came before a segment, by its first record; null when that is damaged. */
async function samplesBefore({ epoch }: LaneFolder, { path, firstSeq }: FolderSegment): Promise<number | null> {
  const head = await readFirstRecord(path, { epoch, firstSeq }).catch(() => null);
  return head && head.totalSamples - head.samples;
}

/** Samples in the records up to `seq`; null when damage keeps them from being counted. */
async function samplesUpTo(folder: LaneFolder, seq: number, total: number): Promise<number | null> {
  for (const segment of folder.segments) {
    if (segment.endSeq <= seq + 1) continue;
    const found = await readSegment(folder, segment).catch(() => undefined);
    const next = found?.records.find((record) => record.seq > seq);
    if (next) return next.totalSamples - next.samples;
    if (found && found.damaged.length > 0) return null;
  }
  return total;
}

/** For people. */
export function inspectTable({ samples, urgent }: BufferPicture): string {
  const parts = [laneTable('samples', samples), ...(urgent ? [laneTable('alarms and events', urgent)] : [])];
  return parts.join('\n');
}

function laneTable(title: string, lane: LanePicture): string {
  const rows = lane.segments.map((segment) => [
    segment.file,
    segment.bornAt === null ? 'header damaged' : new Date(segment.bornAt).toISOString(),
    segment.lastSeq === null ? 'empty' : `${segment.firstSeq} to ${segment.lastSeq}`,
    segment.samples === null ? 'unknown' : String(segment.samples),
    mib(segment.bytes),
  ]);
  const table = [['file', 'begun', 'records', 'samples', 'MiB'], ...rows];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  const lines = [
    `${title}: ${lane.dir}`,
    `epoch ${lane.epoch}, ${mib(lane.bytes)} MiB in ${lane.segments.length} files, ${lane.free} free, ${lane.bad.length} set aside`,
    `waiting for the hub: ${lane.pendingRecords} records, ${lane.pendingSamples ?? 'an unknown number of'} samples`,
    ...lane.cursors.map(({ name, seq }) => `done with by ${name}: up to record ${seq}`),
    '',
    ...table.map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    ),
    '',
  ];
  return lines.join('\n');
}

function mib(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(1).replace(/\.0$/, '');
}
