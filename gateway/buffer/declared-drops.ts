/**
 * What the process before had declared to drop when it ended. It may not have come to it; then it is done now, so
 * that the drop is neither declared twice nor something is delivered that was declared as dropped.
 */
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch } from '@lineside/shared/wire/envelope.ts';
import type { LogRecord } from './disk-log.ts';

/** A drop is carried out right after it was declared: few events can have come in between. */
const LOOK_BACK = 32;

interface UrgentLog {
  readonly newestSeq: number;
  readonly oldestSeq: number;
  read(seq: number): Promise<LogRecord | undefined>;
}

/** Newest record of `epoch` that the newest events in `urgent` declare as given up; 0 when there is none. */
export async function declaredTo(urgent: UrgentLog, epoch: string): Promise<number> {
  let to = 0;
  let next = Math.max(urgent.oldestSeq, urgent.newestSeq - LOOK_BACK);
  for (let record = await urgent.read(next); record; record = await urgent.read(next)) {
    next = record.seq + 1;
    for (const event of eventsOf(record)) {
      const isLimit = event.kind === 'drop' && ['bufferFull', 'tooOld'].includes(event.reason);
      if (isLimit && event.epoch === epoch) to = Math.max(to, event.toSeq ?? 0);
    }
  }
  return to;
}

function eventsOf({ payload }: LogRecord) {
  try {
    return readBatch(decompressBatch(payload)).events;
  } catch {
    // Sound by its checksum, but not for this version: its events are the hub's matter.
    return [];
  }
}
