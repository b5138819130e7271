/** Samples and records as a time-series store is given them. */
import type { Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import type { RecordId, SampleColumns } from '../../hub/store/timeseries/time-series.ts';

export const T0 = Date.UTC(2026, 2, 29, 0, 30); // Central Europe's clocks go forward half an hour later.
export const EPOCH = '0123456789abcdef0123456789abcdef';

export function columns(...samples: [tag: number, at: number, value: Value, quality?: number][]): SampleColumns {
  return {
    tags: samples.map(([tag]) => tag),
    at: samples.map(([, at]) => at),
    values: samples.map(([, , value]) => value),
    quality: samples.map(([, , , quality]) => quality ?? Quality.Good),
  };
}

export function record(seq: number, samples: SampleColumns, gateway = 'press-1', epoch = EPOCH) {
  const id: RecordId = { gateway, epoch, seq };
  return { id, samples };
}
