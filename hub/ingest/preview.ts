/** What a batch that is not stored yet says of the present. */
import type { Batch } from '@lineside/shared/wire/batch-reader.ts';
import type { Arrival } from './ingest.ts';
import { presentOf } from './present.ts';
import type { TagIds } from './tag-ids.ts';

/** The samples of known tags, and the frames that they are of. What was read out of a device's history is no news. */
export function previewOf(gateway: string, batch: Batch, ids: TagIds): Arrival {
  const { sourceAt: at, values, quality } = batch;
  return presentOf(gateway, { tags: ids.column(batch.tags), at, values, quality }, batch.frames);
}
