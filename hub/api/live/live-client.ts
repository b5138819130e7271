/**
 * One browser on the live socket. Values are coalesced: while a client is slow, the newest of each tag waits for
 * it. Machines, alarms and gateways are never coalesced; a client too slow even for those is let go, for it gets
 * the whole picture when it comes back.
 */
import { type LiveMessage, type LiveValue, Subscribe } from '@lineside/shared/contracts/api.ts';
import { Value } from 'typebox/value';
import type { WebSocket } from 'ws';

/** Above this many bytes not yet taken by the network, values wait. */
const SLOW_BYTES = 256 * 1024;
/** Above this many the client is let go. */
const LOST_BYTES = 8 * 1024 * 1024;
const DEFAULT_RATE = 10;
/** RFC 6455, 7.4.1 and its registry: try again later. */
const TRY_AGAIN_LATER = 1013;
const POLICY = 1008;

/** Where the values come from. */
export interface LiveSource {
  /** The present value of a tag. */
  last(tag: number): LiveValue | undefined;
  /** Told which tags this client wants to hear of. */
  readonly watched: { add(tags: Iterable<number>): void; remove(tags: Iterable<number>): void };
}

export class LiveClient {
  readonly #socket: WebSocket;
  readonly #source: LiveSource;
  #tags = new Set<number>();
  #intervalMs = 1_000 / DEFAULT_RATE;
  #waiting = new Map<number, LiveValue>();
  #timer: NodeJS.Timeout | undefined;
  #lastFlush = 0;

  constructor(socket: WebSocket, source: LiveSource) {
    this.#socket = socket;
    this.#source = source;
  }

  /** Takes a message of the client's. It gets the present value of each tag that it begins to watch. */
  receive(data: string): void {
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      message = undefined;
    }
    if (!Value.Check(Subscribe, message)) {
      this.#socket.close(POLICY, 'message not understood');
      return;
    }
    this.#watch(new Set(message.tags));
    this.#intervalMs = 1_000 / (message.maxRate ?? DEFAULT_RATE);
    this.#waiting.clear();
    for (const tag of this.#tags) {
      const value = this.#source.last(tag);
      if (value) this.#waiting.set(tag, value);
    }
    this.#schedule();
  }

  values(values: LiveValue[]): void {
    if (this.#tags.size === 0) return;
    for (const value of values) {
      if (!this.#tags.has(value[0])) continue;
      this.#waiting.set(value[0], value);
    }
    if (this.#waiting.size > 0) this.#schedule();
  }

  send(message: LiveMessage): void {
    if (this.#socket.bufferedAmount > LOST_BYTES) {
      this.close('too slow; connect again');
      return;
    }
    this.#socket.send(JSON.stringify(message));
  }

  /** Idempotent. */
  close(reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#socket.close(TRY_AGAIN_LATER, reason);
  }

  /** Without a goodbye. */
  drop(): void {
    this.#socket.terminate();
  }

  /** The socket is gone. */
  ended(): void {
    clearTimeout(this.#timer);
    this.#watch(new Set());
    this.#waiting.clear();
  }

  #watch(tags: Set<number>): void {
    this.#source.watched.remove(this.#tags);
    this.#source.watched.add(tags);
    this.#tags = tags;
  }

  #schedule(): void {
    if (this.#timer) return;
    const wait = Math.max(0, this.#lastFlush + this.#intervalMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, wait);
  }

  #flush(): void {
    this.#lastFlush = performance.now();
    if (this.#socket.bufferedAmount > SLOW_BYTES) {
      this.#schedule();
      return;
    }
    if (this.#waiting.size === 0) return;
    const values = [...this.#waiting.values()];
    this.#waiting.clear();
    this.send({ type: 'values', values });
  }
}
