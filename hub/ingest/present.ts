/** What a record says of the present: what was read out of a device's history late is true of its time, and no news. */
import type { Batch } from '@lineside/shared/wire/batch-reader.ts';
import { selectSamples } from '../store/timeseries/select-samples.ts';
import type { SampleColumns } from '../store/timeseries/time-series.ts';
import type { Arrival } from './ingest.ts';

/** @param samples those of the frames, at the same places, with the hub's tags; 0 for one that the hub does not know */
export function presentOf(gateway: string, samples: SampleColumns, frames: Batch['frames']): Arrival {
  const present = frames.filter(({ historical }) => !historical);
  if (present.length === frames.length && !samples.tags.includes(0)) return { gateway, samples, frames };
  const places: number[] = [];
  for (const { from, to } of present) {
    for (let place = from; place < to; place++) if (samples.tags[place] !== 0) places.push(place);
  }
  return { gateway, samples: selectSamples(samples, places), frames: present };
}
