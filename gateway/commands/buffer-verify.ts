/** Checks every record of a lane: its place and checksum, and whether its content can be read. */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import { type LaneFolder, payloadOf, placeName, readSegment } from '../buffer/lane-folder.ts';
import type { ProgressLine } from './progress-line.ts';

export interface VerifyReport {
  damaged: number;
  /** What is damaged, and a sum at the end. */
  lines: string[];
}

export async function verifyLane(
  folder: LaneFolder,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const lines: string[] = [];
  let [records, samples, damaged] = [0, 0, 0];
  for (const segment of folder.segments) {
    if (signal.aborted) break;
    try {
      const found = await readSegment(folder, segment);
      for (const place of found?.damaged ?? []) {
        damaged++;
        lines.push(`damaged: ${placeName(segment, place)}`);
      }
      for (const record of found?.records ?? []) {
        records++;
        samples += record.samples;
        const problem = contentProblem(payloadOf(found!, record), record.samples);
        if (!problem) continue;
        damaged++;
        lines.push(`damaged: ${segment.file}, record ${record.seq}: ${problem}`);
      }
    } catch (error) {
      damaged++;
      lines.push(`damaged: ${segment.file} cannot be read: ${messageOf(error)}`);
    }
    progress.done(segment.bytes);
  }
  for (const name of folder.bad) lines.push(`set aside earlier: ${name}`);
  lines.push(`${folder.dir}: ${folder.segments.length} files, ${records} records, ${samples} samples`);
  return { damaged, lines };
}

function contentProblem(payload: Buffer, samples: number): string {
  try {
    const batch = readBatch(decompressBatch(payload));
    if (batch.tags.length === samples) return '';
    return `it says ${samples} samples and holds ${batch.tags.length}`;
  } catch (error) {
    return messageOf(error);
  }
}
