/** What a batch that is not stored yet says of the present. */
import type { Batch } from '@lineside/shared/wire/batch-reader.ts';
import type { Arrival } from './ingest.ts';

/**
 * The samples of known tags, and the frames that they are of. What was read out of a device's history is no news.
 *
 * @param ids the hub's id for each of the gateway's tags
 */
export function previewOf(gateway: string, batch: Batch, ids: ReadonlyMap<number, number>): Arrival {
  const arrival: Arrival = { gateway, samples: { tags: [], at: [], values: [], quality: [] }, frames: [] };
  const { samples } = arrival;
  for (const frame of batch.frames) {
    if (frame.historical) continue;
    arrival.frames.push(frame);
    for (let i = frame.from; i < frame.to; i++) {
      const id = ids.get(batch.tags[i]!);
      if (id === undefined) continue;
      samples.tags.push(id);
      samples.at.push(batch.sourceAt[i]!);
      samples.values.push(batch.values[i]!);
      samples.quality.push(batch.quality[i]!);
    }
  }
  return arrival;
}
