/** What a statement about a day's data means to who reads it. */
import type {
  CompletenessStatement,
  DeviceCompleteness,
  Missing,
  Silence,
} from '@lineside/shared/contracts/completeness.ts';
import { formatNumber } from './value.ts';

export const DELIVERY: Record<CompletenessStatement['delivery'], { words: string; meaning: string }> = {
  complete: { words: 'Complete', meaning: 'Everything that the gateway measured is stored.' },
  incomplete: { words: 'Something is missing', meaning: 'The gateway had it, and it will not come.' },
  open: { words: 'Still open', meaning: 'Nothing is missing so far; the gateway may have more of this day.' },
};

export const SILENCE: Record<Silence['cause'], string> = {
  deviceDown: 'The device did not answer',
  gatewayAway: 'The gateway was off, or its data is on its way',
};

const CAUSES: Record<string, string> = {
  bufferFull: 'The gateway’s buffer was full',
  diskFault: 'The gateway’s disk did not take it',
  tooOld: 'It was older than the gateway may keep',
  thinned: 'Thinned out while the buffer was nearly full',
  alarmsLost: 'The gateway’s disk did not take alarms and events',
  directoryRemoved: 'The folder of the gateway’s buffer was removed',
  damaged: 'Damaged on the gateway’s disk',
};

export function causeWords({ cause }: Missing): string {
  return CAUSES[cause] ?? `${cause.charAt(0).toUpperCase()}${cause.slice(1)}`;
}

/** How much is missing, as far as anybody knows. */
export function amountWords({ samples, alarms, fromSeq, toSeq }: Missing): string {
  if (alarms) return alarms === 1 ? '1 alarm or event' : `${formatNumber(alarms)} alarms and events`;
  if (samples !== null) return samples === 1 ? '1 sample' : `${formatNumber(samples)} samples`;
  if (fromSeq === null || toSeq === null) return 'nobody knows how much';
  const records = toSeq - fromSeq + 1;
  return records === 1 ? `record ${fromSeq}` : `${formatNumber(records)} records, ${fromSeq} to ${toSeq}`;
}

/** Share of the time in which the device answered, such as `99.8 %`; never 100 % when something is missing. */
export function shareWords({ collectedMs, expectedMs }: DeviceCompleteness): string {
  if (expectedMs === 0) return '–';
  const tenths = Math.floor((collectedMs / expectedMs) * 1_000);
  return `${(tenths / 10).toFixed(tenths === 1_000 ? 0 : 1)} %`;
}
