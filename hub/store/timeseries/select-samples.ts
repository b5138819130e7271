/** Some of many samples. */
import { ValueColumn } from '@lineside/shared/wire/value-column.ts';
import type { SampleColumns } from './time-series.ts';

/** Those at these places, in this order. */
export function selectSamples(
  { tags, at, values, quality }: SampleColumns,
  places: readonly number[],
): SampleColumns {
  const selected = new ValueColumn(places.length);
  for (const [i, place] of places.entries()) selected.set(i, values.at(place));
  return {
    tags: Int32Array.from(places, (place) => tags[place]!),
    at: Float64Array.from(places, (place) => at[place]!),
    values: selected,
    quality: Uint32Array.from(places, (place) => quality[place]!),
  };
}
