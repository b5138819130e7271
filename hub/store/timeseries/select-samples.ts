/** Some of many samples. */
import { ValueColumn } from '@lineside/shared/wire/value-column.ts';
import type { SampleColumns } from './time-series.ts';

/** Those at these places, in this order. */
export function selectSamples(
  { tags, at, values, quality }: SampleColumns,
  places: readonly number[],
): SampleColumns {
  return {
    tags: Int32Array.from(places, (place) => tags[place]!),
    at: Float64Array.from(places, (place) => at[place]!),
    values: ValueColumn.of(places.map((place) => values.at(place))),
    quality: Uint32Array.from(places, (place) => quality[place]!),
  };
}
