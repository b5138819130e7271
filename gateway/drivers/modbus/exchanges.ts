/** What a device answered when, looked up by request and time, for a replay. */
import type { RecordingEntry } from '../recording/recording.ts';

/** What became of a request: the bytes behind the byte count, an exception, or nothing usable. */
type Outcome = { bytes: Buffer } | { exception: number } | { failed: string };

export interface Exchange {
  /** When it was sent, monotonic milliseconds, and how long it took. */
  t: number;
  ms: number;
  outcome: Outcome;
  /** Set when it has become an answer: each one does so once. */
  played?: boolean;
}

/** Reads of the same registers, by time. */
interface Track {
  code: number;
  offset: number;
  count: number;
  exchanges: Exchange[];
  /** Usual distance between two of them, milliseconds. */
  periodMs: number;
  /** All before this one are over. */
  next: number;
}

/** Function (1) + address (2) + count (2), behind the unit (1). */
const READ_LENGTH = 6;

export class Exchanges {
  readonly #tracks = new Map<string, Track>();
  /** Reads that were no longer understood. */
  readonly unread: number = 0;

  constructor(entries: readonly RecordingEntry[]) {
    for (const entry of entries) {
      if (typeof entry.request !== 'string') continue;
      const request = Buffer.from(entry.request, 'hex');
      // Writes are not played: nothing is written in a replay.
      if (request.length !== READ_LENGTH || request[1]! < 1 || request[1]! > 4) continue;
      const outcome = outcomeOf(entry, request[1]!);
      if (!outcome) {
        this.unread++;
        continue;
      }
      const [code, offset, count] = [request[1]!, request.readUInt16BE(2), request.readUInt16BE(4)];
      const key = keyOf(code, offset, count);
      const track = this.#tracks.get(key) ?? { code, offset, count, exchanges: [], periodMs: 0, next: 0 };
      this.#tracks.set(key, track);
      const ms = typeof entry.ms === 'number' ? entry.ms : 0;
      track.exchanges.push({ t: entry.t, ms, outcome });
    }
    for (const track of this.#tracks.values()) track.periodMs = usualDistance(track.exchanges);
  }

  /**
   * What the device answered to this very request about now and was not played yet. Undefined: it was never asked that.
   * Null: not about now.
   *
   * @param t monotonic, milliseconds
   * @param aheadMs how much later it may have been asked
   */
  find(code: number, offset: number, count: number, t: number, aheadMs: number): Exchange | null | undefined {
    const track = this.#tracks.get(keyOf(code, offset, count));
    if (!track) return undefined;
    const { exchanges, periodMs } = track;
    for (; track.next < exchanges.length; track.next++) {
      const next = exchanges[track.next]!;
      if (!next.played && next.t >= t - periodMs / 2) break;
    }
    const found = exchanges[track.next];
    return found && found.t <= t + aheadMs ? found : null;
  }

  /**
   * An answer put together from those to other requests, the nearest in time of each. Null: there is none about now.
   * A number is the first address that was never asked for. What was refused, whenever that was, is refused.
   */
  compose(code: number, offset: number, count: number, t: number, aheadMs: number): Exchange | null | number {
    const tracks = [...this.#tracks.values()].filter(
      (track) => track.code === code && track.offset < offset + count && track.offset + track.count > offset,
    );
    const bytes = Buffer.alloc(code <= 2 ? (count + 7) >> 3 : 2 * count);
    const near = tracks.flatMap((track) => nearest(track, t, aheadMs) ?? []);
    const found: Exchange = {
      t,
      ms: Math.max(0, ...near.map(({ exchange }) => exchange.t + exchange.ms - t)),
      outcome: { bytes },
    };
    for (let address = offset; address < offset + count; address++) {
      if (!tracks.some((track) => covers(track, address))) return address;
      const covering = near.filter(({ track }) => covers(track, address));
      if (covering.length === 0) {
        const refused = tracks.find((track) => covers(track, address) && neverGiven(track));
        return refused ? { ...found, ms: 0, outcome: refused.exchanges[0]!.outcome } : null;
      }
      const good = covering.find(({ exchange }) => 'bytes' in exchange.outcome);
      if (!good) return { t, ms: covering[0]!.exchange.ms, outcome: covering[0]!.exchange.outcome };
      copy(
        code,
        (good.exchange.outcome as { bytes: Buffer }).bytes,
        address - good.track.offset,
        bytes,
        address - offset,
      );
    }
    return found;
  }
}

function keyOf(code: number, offset: number, count: number): string {
  return `${code}:${offset}:${count}`;
}

function covers(track: Track, address: number): boolean {
  return address >= track.offset && address < track.offset + track.count;
}

function neverGiven({ exchanges }: Track): boolean {
  return exchanges.every(({ outcome }) => 'exception' in outcome);
}

/** One register or bit. */
function copy(code: number, from: Buffer, index: number, to: Buffer, at: number): void {
  if (code > 2) from.copy(to, 2 * at, 2 * index, 2 * index + 2);
  else if ((from[index >> 3]! >> (index & 7)) & 1) to[at >> 3]! |= 1 << (at & 7);
}

function nearest(track: Track, t: number, aheadMs: number): { track: Track; exchange: Exchange } | null {
  let best: Exchange | null = null;
  // By time: a search by halves for the first one that is not before, and the one before that.
  let [low, high] = [0, track.exchanges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (track.exchanges[middle]!.t < t) low = middle + 1;
    else high = middle;
  }
  for (const exchange of [track.exchanges[low - 1], track.exchanges[low]]) {
    if (exchange && (!best || Math.abs(exchange.t - t) < Math.abs(best.t - t))) best = exchange;
  }
  if (!best || best.t > t + aheadMs || best.t < t - Math.max(aheadMs, track.periodMs)) return null;
  return { track, exchange: best };
}

/** The median; infinite when there is only one. */
function usualDistance(exchanges: Exchange[]): number {
  const distances = exchanges.slice(1).map(({ t }, i) => t - exchanges[i]!.t);
  return distances.sort((a, b) => a - b)[distances.length >> 1] ?? Number.POSITIVE_INFINITY;
}

/** Null when it is not one. */
function outcomeOf(entry: RecordingEntry, code: number): Outcome | null {
  if (typeof entry.failed === 'string') return { failed: entry.failed };
  if (typeof entry.answer !== 'string') return null;
  const answer = Buffer.from(entry.answer, 'hex');
  if (answer[1] === code && answer.length === 3 + answer[2]!) return { bytes: answer.subarray(3) };
  return answer[1] === (code | 0x80) && answer.length === 3 ? { exception: answer[2]! } : null;
}
