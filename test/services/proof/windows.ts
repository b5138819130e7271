/** When a device's values may be missing from the buffer: something was killed, or the device did not answer. */
import { LINK_TAG } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { Outage } from '../plant-run.ts';
import type { BufferContent, BufferedSample } from './buffer-content.ts';

/** What came so shortly before a kill may not have been durable yet, or still on its way from the device. */
const BEFORE_KILL_MS = 1_500;
/** On a machine with much else to do it is on its way for longer: since the newest that is durable, and at most so long. */
const LONGEST_WAY_MS = 10_000;

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
  const own = ownSamples(device, buffer);
  const good = [...new Set(own.map(({ receivedAt }) => receivedAt))].sort((a, b) => a - b);
  /** What a device says arrives in order: nothing that it said before its newest durable sample was on its way. */
  const before = (end: number) => {
    let newest = Number.NEGATIVE_INFINITY;
    for (const { receivedAt, at } of own) if (receivedAt <= end && at <= end) newest = Math.max(newest, at);
    return Math.max(Math.min(newest, end - BEFORE_KILL_MS), end - LONGEST_WAY_MS);
  };
  const nextGood = (from: number) => good.find((at) => at >= from) ?? Number.POSITIVE_INFINITY;
  const links = buffer.tags.get(`${device}/${LINK_TAG}`) ?? [];
  const downs = links.filter(({ value }) => value === 0).map(({ receivedAt }) => receivedAt);
  const excused = [{ from: Number.NEGATIVE_INFINITY, to: nextGood(0) }];
  for (const { program, from, to } of outages) {
    if (program === 'gateway') excused.push({ from: before(from), to: nextGood(from) });
    if (program === 'plant') excused.push({ from: before(from), to: nextGood(to) });
  }
  for (const down of downs) excused.push({ from: before(down), to: nextGood(down) });
  return { excused: excused.sort((a, b) => a.from - b.from), downs };
}

export function within(at: number, windows: Window[]): boolean {
  return windows.some(({ from, to }) => from <= at && at <= to);
}

/** The device's own Good samples, not what the gateway says of the device: $link, $buffer. */
function ownSamples(device: string, buffer: BufferContent): BufferedSample[] {
  const own = (key: string) => key.startsWith(`${device}/`) && !key.startsWith(`${device}/$`);
  return [...buffer.tags].flatMap(([key, samples]) =>
    own(key) ? samples.filter(({ quality }) => isGood(quality)) : [],
  );
}
