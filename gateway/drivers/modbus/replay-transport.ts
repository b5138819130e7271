/** A line on which a recording answers: as the device did, at the time at which it did. */

import type { Timer } from '../clock.ts';
import type { Playback } from '../driver.ts';
import type { RecordingEntry } from '../recording/recording.ts';
import { said, type Table } from './address.ts';
import { type Exchange, Exchanges } from './exchanges.ts';
import type { OpenTransport } from './open-transport.ts';
import type { Request } from './request.ts';
import type { Transport, TransportEvents } from './transport.ts';

const TABLES: Record<number, Table> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' };

/** The device has no such address. */
const ILLEGAL_ADDRESS = 2;

/**
 * @param timeoutMs how long the driver waits for an answer
 */
export function replayOf(playback: Playback, timeoutMs: number): OpenTransport {
  const exchanges = new Exchanges(playback.entries);
  if (exchanges.unread > 0) playback.note(`${exchanges.unread} lines of the recording are not understood`);
  const line = playback.entries.filter(({ event }) => event === 'opened' || event === 'closed');
  return (events) => new ReplayTransport(playback, exchanges, line, timeoutMs, events);
}

class ReplayTransport implements Transport {
  readonly blocked = false;
  readonly quietMs = 0;
  readonly reopenHelps = true;
  readonly #playback: Playback;
  readonly #exchanges: Exchanges;
  readonly #timeoutMs: number;
  readonly #events: TransportEvents;
  readonly #timers = new Set<Timer>();
  #inFlight: Request | null = null;

  /** @param line when it was opened and closed */
  constructor(
    playback: Playback,
    exchanges: Exchanges,
    line: readonly RecordingEntry[],
    timeoutMs: number,
    events: TransportEvents,
  ) {
    this.#playback = playback;
    this.#exchanges = exchanges;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
    this.#open(line);
  }

  /** As the line was then: at once where it was open, else when it came to be. */
  #open(line: readonly RecordingEntry[]): void {
    const now = this.#playback.clock.monotonic();
    const before = line.findLast(({ t }) => t <= now);
    const opened = line.find(({ t, event }) => t > now && event === 'opened');
    const closed = line.find(({ t, event }) => t > now && event === 'closed');
    if (before?.event !== 'closed' && !(before === undefined && opened && (!closed || opened.t < closed.t))) {
      this.#at(now, () => this.#events.opened());
    } else if (opened && (!closed || opened.t < closed.t)) {
      this.#at(opened.t, () => this.#events.opened());
    }
    if (closed) {
      this.#at(closed.t, () => {
        this.destroy();
        this.#events.closed(new Error(String(closed.reason ?? '').replace(/^(lost|cannot reach) \S+: /, '')));
      });
    }
  }

  send(request: Request): void {
    this.#inFlight = request;
    const exchange = this.#answerTo(request);
    if (!exchange) return;
    const { t, ms, outcome } = exchange;
    if ('failed' in outcome && outcome.failed.startsWith('no answer')) {
      exchange.played = true;
      return;
    }
    const now = this.#playback.clock.monotonic();
    // A refusal stands also before its time, and must not keep the others waiting till then.
    const due = ('exception' in outcome ? now : Math.max(t, now)) + ms;
    this.#hold(request, due);
    this.#at(due, () => {
      if (this.#inFlight !== request) return;
      this.#inFlight = null;
      exchange.played = true;
      if ('failed' in outcome) this.#events.wrong(outcome.failed);
      else if ('exception' in outcome) this.#events.refused(outcome.exception);
      else this.#events.answered(new DataView(outcome.bytes.buffer, outcome.bytes.byteOffset), 0);
    });
  }

  /** A pause of the gateway, and no silence of the device, lies between: the driver's patience begins anew. */
  #hold(request: Request, due: number): void {
    const next = this.#playback.clock.monotonic() + this.#timeoutMs / 2;
    if (next + this.#timeoutMs / 2 > due) return;
    this.#at(next, () => {
      if (this.#inFlight !== request) return;
      this.#events.restarted();
      this.#hold(request, due);
    });
  }

  forget(): void {
    this.#inFlight = null;
  }

  destroy(): void {
    this.#inFlight = null;
    for (const timer of this.#timers) this.#playback.clock.clearTimeout(timer);
    this.#timers.clear();
  }

  #at(t: number, then: () => void): void {
    const { clock } = this.#playback;
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, t - clock.monotonic());
    this.#timers.add(timer);
  }

  #answerTo({ code, adu }: Request): Exchange | null {
    const table = TABLES[code];
    if (!table) return null;
    const [offset, count] = [adu.readUInt16BE(8), adu.readUInt16BE(10)];
    const now = this.#playback.clock.monotonic();
    const same = this.#exchanges.find(code, offset, count, now, this.#timeoutMs);
    if (same) return same;
    const composed = this.#exchanges.compose(code, offset, count, now, this.#timeoutMs);
    if (same === null && !(composed !== null && typeof composed === 'object' && 'exception' in composed.outcome)) {
      return this.#exchanges.find(code, offset, count, now, Number.POSITIVE_INFINITY) ?? null;
    }
    if (typeof composed !== 'number') return composed;
    this.#playback.note(`${said({ table, offset: composed })} is not in the recording`);
    return { t: now, ms: 0, outcome: { exception: ILLEGAL_ADDRESS } };
  }
}
