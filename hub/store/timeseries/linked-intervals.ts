/** When a device is known to have answered, by what its gateway says of it every few seconds. */
import { LINK_HEARTBEAT_MS } from '@lineside/shared/contracts/frame.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import type { StoredSample } from './time-series.ts';

/** After so long without a word from the gateway about the device nothing is known. Milliseconds. */
const LINK_PATIENCE_MS = 3 * LINK_HEARTBEAT_MS;

/**
 * When the device is known to have answered: from a link sample of 1 until the next 0. Where the next one is missing
 * for longer than patience lasts, only the one heartbeat that was promised counts; the newest has patience.
 *
 * @param links samples of the link tag by time
 */
export function linkedIntervals(links: StoredSample[], from: number, to: number): { from: number; to: number }[] {
  const linked: { from: number; to: number }[] = [];
  links.forEach((link, i) => {
    if (link.value !== 1 || !isGood(link.quality)) return;
    const begin = Math.max(from, link.at);
    const next = links[i + 1]?.at ?? to;
    const missing = next - link.at > LINK_PATIENCE_MS;
    const end = Math.min(to, missing ? link.at + LINK_HEARTBEAT_MS : next);
    if (end <= begin) return;
    const last = linked.at(-1);
    if (last && last.to >= begin) last.to = Math.max(last.to, end);
    else linked.push({ from: begin, to: end });
  });
  return linked;
}
