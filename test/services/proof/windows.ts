/** When a device's values may be missing from the buffer: something was killed, or the device did not answer. */
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { Outage } from '../plant-run.ts';
import type { BufferContent, BufferedSample } from './buffer-content.ts';

/** What came so shortly before a kill may not have been durable yet, or still on its way from the device. */
const BEFORE_KILL_MS = 1_500;

export interface Window {
  from: number;
  to: number;
}

export interface DeviceTimes {
  /** Sorted by `from`. */
  excused: Window[];
  /** When the gateway says that the device stopped answering. */
  downs: number[];
}

export function deviceTimes(device: string, buffer: BufferContent, outages: Outage[]): DeviceTimes {
  const good = goodTimes(device, buffer);
  const nextGood = (from: number) => good.find((at) => at >= from) ?? Number.POSITIVE_INFINITY;
  const links = buffer.tags.get(`${device}/${LINK_TAG}`) ?? [];
  const downs = links.filter(({ value }) => value === 0).map(({ receivedAt }) => receivedAt);
  const excused = [{ from: Number.NEGATIVE_INFINITY, to: nextGood(0) }];
  for (const { program, from, to } of outages) {
    if (program === 'gateway') excused.push({ from: from - BEFORE_KILL_MS, to: nextGood(from) });
    if (program === 'plant') excused.push({ from: from - BEFORE_KILL_MS, to: nextGood(to) });
  }
  for (const down of downs) excused.push({ from: down - BEFORE_KILL_MS, to: nextGood(down) });
  return { excused: excused.sort((a, b) => a.from - b.from), downs };
}

export function within(at: number, windows: Window[]): boolean {
  return windows.some(({ from, to }) => from <= at && at <= to);
}

/** Receive times of the device's own Good samples, ascending. */
function goodTimes(device: string, buffer: BufferContent): number[] {
  const times = new Set<number>();
  const own = (key: string) => key.startsWith(`${device}/`) && key !== `${device}/${LINK_TAG}`;
  const take = (sample: BufferedSample) => isGood(sample.quality) && times.add(sample.receivedAt);
  for (const [key, samples] of buffer.tags) if (own(key)) for (const sample of samples) take(sample);
  return [...times].sort((a, b) => a - b);
}
