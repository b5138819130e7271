/** What a record says of the present: what was read out of a device's history late is true of its time, and no news. */
import type { Batch } from '@lineside/shared/wire/batch-reader.ts';
import type { SampleColumns } from '../store/timeseries/time-series.ts';
import type { Arrival } from './ingest.ts';

/** @param samples those of the frames, at the same places, with the hub's tags */
export function presentOf(gateway: string, samples: SampleColumns, frames: Batch['frames']): Arrival {
  if (!frames.some(({ historical }) => historical)) return { gateway, samples, frames };
  const present = frames.filter(({ historical }) => !historical);
  const cut = <T>(column: T[]) => present.flatMap(({ from, to }) => column.slice(from, to));
  const { tags, at, values, quality } = samples;
  return {
    gateway,
    samples: { tags: cut(tags), at: cut(at), values: cut(values), quality: cut(quality) },
    frames: present,
  };
}
