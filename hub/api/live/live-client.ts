/**
 * One client on the live socket. While it is slow, the newest of each value, machine and gateway waits for it. Events
 * are never left out: a client that is too slow even for those is let go, and resumes when it comes back.
 */
import { LiveClose, type LiveKind, type LiveMessage } from '@lineside/shared/contracts/live.ts';
import type { WebSocket } from 'ws';
import type { LiveEvent } from './event-log.ts';
import type { TagPath } from './plant-paths.ts';
import type { Subscription } from './subscription.ts';
import type { ValueGroup, ValueTaker } from './value-group.ts';

/** Above this many bytes not yet taken by the network, the newest waits. */
const SLOW_BYTES = 256 * 1024;
/** Above this many the client is let go. */
const LOST_BYTES = 8 * 1024 * 1024;
/** How often it is seen whether a slow client has caught up. Milliseconds. */
const LOOK_MS = 100;
/** Messages of a client: so many at once, and so many more each second. */
const BURST = 100;
const PER_SECOND = 10;

export interface LiveClientOptions {
  socket: WebSocket;
  /** Made anew when a slow client has caught up. */
  valuesOf(tags: Iterable<number>): Buffer | undefined;
  /** Told of each message. */
  onSent(): void;
  /** Told once when it is let go, with the close code. */
  onDropped(code: number): void;
}

export class LiveClient implements ValueTaker {
  readonly #options: LiveClientOptions;
  readonly subscriptions = new Map<string, Subscription>();
  /** Whether it has answered the last ping. */
  alive = true;
  /** Tags whose newest value waits, and the newest pictures that do. */
  readonly #waitingTags = new Set<number>();
  readonly #waitingPictures = new Map<string, Buffer>();
  #timer: NodeJS.Timeout | undefined;
  #allowance = BURST;
  #allowedAt = performance.now();
  #closed = false;

  constructor(options: LiveClientOptions) {
    this.#options = options;
  }

  get slow(): boolean {
    return this.#timer !== undefined;
  }

  /** False when it has sent more than it may; it is let go then. */
  mayAsk(): boolean {
    const now = performance.now();
    this.#allowance = Math.min(BURST, this.#allowance + ((now - this.#allowedAt) / 1_000) * PER_SECOND);
    this.#allowedAt = now;
    if (this.#allowance >= 1) {
      this.#allowance--;
      return true;
    }
    this.close(LiveClose.flood, 'too many messages');
    return false;
  }

  send(message: LiveMessage): void {
    this.#write(Buffer.from(JSON.stringify(message)));
  }

  event({ kind, paths, text }: LiveEvent): void {
    if (this.#wants(kind, paths)) this.#write(text);
  }

  /** An event that it has missed, if this subscription means it. */
  replay(subscription: Subscription, { kind, paths, text }: LiveEvent): void {
    if (means(subscription, kind, paths)) this.#write(text);
  }

  /** One that is slow hears the time when it has caught up. */
  takeTime(message: Buffer): void {
    if (!this.#isSlow()) this.#write(message);
  }

  /** @param key the same for all pictures of one thing */
  picture(kind: 'machines' | 'gateways', key: string, paths: string[], text: Buffer): void {
    if (!this.#wants(kind, paths)) return;
    if (this.#isSlow()) this.#waitingPictures.set(key, text);
    else this.#write(text);
  }

  takeValues(message: Buffer, tags: Iterable<number>): void {
    if (this.#isSlow()) for (const tag of tags) this.#waitingTags.add(tag);
    else this.#write(message);
  }

  tagsAdded(group: ValueGroup, tags: TagPath[]): void {
    for (const subscription of this.subscriptions.values()) {
      if (subscription.group === group && subscription.describe) this.describe(subscription.id, tags);
    }
  }

  describe(id: string, tags: TagPath[]): void {
    const described = tags.map(({ tag, path }) => ({ tag: tag.id, path, type: tag.type, unit: tag.unit }));
    this.send({ type: 'tags', id, tags: described });
  }

  /** Idempotent. */
  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#options.onDropped(code);
    this.#options.socket.close(code, reason);
  }

  /** Without a goodbye. */
  drop(): void {
    this.#options.socket.terminate();
  }

  /** The socket is gone. */
  ended(): void {
    this.#closed = true;
    this.#forget();
  }

  #wants(kind: LiveKind, paths: string[]): boolean {
    for (const subscription of this.subscriptions.values()) if (means(subscription, kind, paths)) return true;
    return false;
  }

  #isSlow(): boolean {
    if (this.#timer) return true;
    if (this.#options.socket.bufferedAmount <= SLOW_BYTES) return false;
    this.#timer = setInterval(() => this.#catchUp(), LOOK_MS);
    return true;
  }

  #catchUp(): void {
    if (this.#options.socket.bufferedAmount > SLOW_BYTES) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const pictures = [...this.#waitingPictures.values()];
    this.#waitingPictures.clear();
    for (const picture of pictures) this.#write(picture);
    const values = this.#options.valuesOf(this.#waitingTags);
    this.#waitingTags.clear();
    if (values) this.#write(values);
  }

  #write(text: Buffer): void {
    const { socket } = this.#options;
    if (this.#closed) return;
    if (socket.bufferedAmount > LOST_BYTES) {
      this.close(LiveClose.resume, 'too slow; connect again and resume');
      return;
    }
    socket.send(text, { binary: false });
    this.#options.onSent();
  }

  #forget(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waitingTags.clear();
    this.#waitingPictures.clear();
  }
}

function means({ kinds, filter }: Subscription, kind: LiveKind, paths: string[]): boolean {
  return kinds.has(kind) && paths.some((path) => filter.matches(path));
}
