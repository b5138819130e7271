/**
 * Whether this host application is there, as edge nodes hear it (Sparkplug B 3.0, 6.4.24). The will that goes with a
 * connection and the birth on it have one timestamp, so that a late will of an older connection says nothing.
 */
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type HostState, parseHostState, stateTopic } from '@lineside/shared/wire/sparkplug/topic.ts';

export interface HostStateOptions {
  hostId: string;
  publish(topic: string, payload: string): void;
  log: Logger;
  now(): number;
}

/** Somebody else who says that this host is offline is answered at most so often. Milliseconds. */
const AGAIN_MS = 1_000;

export class HostStateWord {
  readonly topic: string;
  readonly #options: HostStateOptions;
  #timestamp = 0;
  #newestHeard = 0;
  #online = false;
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(options: HostStateOptions) {
    this.#options = options;
    this.topic = stateTopic(options.hostId);
  }

  /** For a connection that is about to be made. Its time is after all that nodes may have heard. */
  will(): { topic: string; payload: string } {
    this.#timestamp = Math.max(this.#options.now(), this.#newestHeard + 1);
    return { topic: this.topic, payload: this.#text(false) };
  }

  online(): void {
    this.#online = true;
    this.#say();
  }

  /** An orderly end; the will is not said then. */
  offline(): void {
    if (this.#online) this.#options.publish(this.topic, this.#text(false));
    this.#online = false;
  }

  lost(): void {
    this.#online = false;
  }

  /** What the broker has under this host's own topic. */
  heard(payload: Buffer): void {
    const state = parseHostState(payload);
    if (!state) return;
    if (this.#online && state.timestamp > this.#timestamp && state.timestamp > this.#newestHeard) {
      const { log, hostId } = this.#options;
      log.warn(
        { hostId, timestamp: state.timestamp, own: this.#timestamp },
        'STATE of this host has a later time than its own: is another host of this id there, or was the clock set back?',
      );
    }
    this.#newestHeard = Math.max(this.#newestHeard, state.timestamp);
    if (this.#online && !state.online && performance.now() - this.#saidAt >= AGAIN_MS) this.#say();
  }

  #say(): void {
    this.#saidAt = performance.now();
    this.#options.publish(this.topic, this.#text(true));
  }

  #text(online: boolean): string {
    return JSON.stringify({ online, timestamp: this.#timestamp } satisfies HostState);
  }
}
