/** Samples and records as a time-series store is given them. */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { ValueColumn } from '@lineside/shared/wire/value-column.ts';
import type { RecordId, SampleColumns } from '../../hub/store/timeseries/time-series.ts';

export const T0 = Date.UTC(2026, 2, 29, 0, 30); // Central Europe's clocks go forward half an hour later.
export const EPOCH = '0123456789abcdef0123456789abcdef';

export function columns(
  ...samples: (readonly [tag: number, at: number, value: Value, quality?: number])[]
): SampleColumns {
  return {
    tags: Int32Array.from(samples, ([tag]) => tag),
    at: Float64Array.from(samples, ([, at]) => at),
    values: ValueColumn.of(samples.map(([, , value]) => value)),
    quality: Uint32Array.from(samples, ([, , , quality]) => quality ?? Quality.Good),
  };
}

export function record(seq: number, samples: SampleColumns, gateway = 'press-1', epoch = EPOCH) {
  const id: RecordId = { gateway, epoch, seq };
  return { id, samples };
}
