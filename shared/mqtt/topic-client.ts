/**
 * A publisher of retained topics at a broker that is not ours. It reconnects for ever, each time with a new client,
 * and then says everything again: what the broker or the connection has lost comes back by itself.
 */
import type { MqttClient } from 'mqtt';
import { messageOf } from '../errors/lineside-error.ts';
import type { Logger } from '../log/logger.ts';
import { Backoff } from '../time/backoff.ts';
import { type MqttEndpoint, mqttReason, openMqtt } from './open-client.ts';

/** Filters in one SUBSCRIBE. */
const SUBSCRIBE_AT_ONCE = 100;
/** Longer messages are passed over, unless said otherwise: what is to be set fits into it many times. Bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** A broker that has not answered the subscription for so long is left and tried again. Milliseconds. */
const SUBSCRIBE_MS = 10_000;
const GOODBYE_MS = 500;

interface Will {
  topic: string;
  payload: string;
}

export interface TopicClientOptions {
  endpoint: MqttEndpoint;
  clientId: string;
  /** Where the user name and the password are set, for messages. */
  settings: { name: string; password: string };
  /** What the broker says in our place when we are gone without a word; a function is asked at each connection. */
  will?: Will | (() => Will) | undefined;
  /** What to listen to; asked at each connection. */
  filters(): string[];
  onMessage(topic: string, payload: Buffer, retained: boolean): void;
  /** From now on `publish` reaches the broker; nothing of what was said before may be thought to be there. */
  onConnected(): void;
  onLost(): void;
  /** A broker that refuses one of the filters is left and tried again: without them there is nothing to do there. */
  mustHear?: boolean;
  maxMessageBytes?: number;
  log: Logger;
}

export class TopicClient {
  readonly #options: TopicClientOptions;
  readonly #backoff = new Backoff(500, 15_000);
  #client: MqttClient | undefined;
  #connected = false;
  #retry: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #stopped = true;
  #fault = 'not connected yet';

  constructor(options: TopicClientOptions) {
    this.#options = options;
  }

  /** Why the broker takes nothing; empty while it does. */
  get fault(): string {
    return this.#fault;
  }

  /** Returns at once: a broker that is not there yet is tried again. */
  start(): void {
    this.#stopped = false;
    this.#connect();
  }

  /** Idempotent. An orderly end: the will is not said, so the last word is to be published before. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    const client = this.#client;
    if (client?.connected) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, GOODBYE_MS);
        client.end(false, {}, () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.#drop('stopped');
  }

  /** `done` is called in any case, when the next message may come. */
  publish(topic: string, payload: string | Buffer, options: { retain: boolean; qos: 0 | 1 }, done: () => void): void {
    // An answer may have to go out before the broker has answered all subscriptions.
    if (!this.#client?.connected) {
      done();
      return;
    }
    this.#client.publish(topic, payload, options, () => done());
  }

  /** Listens to `filters` as they are now. */
  resubscribe(gone: string[]): void {
    if (!this.#connected || !this.#client) return;
    if (gone.length > 0) this.#client.unsubscribe(gone);
    for (const some of chunks(this.#options.filters())) this.#client.subscribe(some, { qos: 1 });
  }

  #connect(): void {
    const { endpoint, clientId, settings, log, maxMessageBytes = MAX_MESSAGE_BYTES } = this.#options;
    const will = typeof this.#options.will === 'function' ? this.#options.will() : this.#options.will;
    let client: MqttClient;
    try {
      client = openMqtt(endpoint, {
        clientId,
        ...(will
          ? { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 as const, retain: true } }
          : {}),
      });
    } catch (error) {
      this.#lost(undefined, messageOf(error));
      return;
    }
    this.#client = client;
    client.on('connect', () => void this.#subscribe(client));
    client.on('message', (topic, payload, packet) => {
      if (client !== this.#client) return;
      if (payload.length <= maxMessageBytes) this.#options.onMessage(topic, payload, packet.retain);
      else log.warn({ topic, bytes: payload.length }, 'message too long; passed over');
    });
    client.on('error', (error) => {
      const name = endpoint.username ?? '';
      this.#lost(client, mqttReason(error, { name, nameSetting: settings.name, passwordSetting: settings.password }));
    });
    client.on('close', () => this.#lost(client, 'the connection was closed'));
  }

  async #subscribe(client: MqttClient): Promise<void> {
    this.#patience = setTimeout(() => this.#lost(client, 'it does not answer the subscription'), SUBSCRIBE_MS);
    try {
      for (const some of chunks(this.#options.filters())) {
        const granted = await client.subscribeAsync(some, { qos: 1 });
        const refused = granted.filter(({ qos }) => qos >= 128).map(({ topic }) => topic);
        if (refused.length === 0) continue;
        if (this.#options.mustHear) {
          const name = this.#options.endpoint.username ?? 'anonymous';
          throw new Error(`it refuses the topics ${refused.slice(0, 5).join(', ')}; check the rights of "${name}"`);
        }
        // Values go out all the same: only these cannot be set.
        this.#options.log.warn({ topics: refused.slice(0, 5), of: refused.length }, 'the broker refuses to be heard');
      }
    } catch (error) {
      this.#lost(client, messageOf(error));
      return;
    }
    if (client !== this.#client) return;
    clearTimeout(this.#patience);
    this.#connected = true;
    this.#fault = '';
    this.#backoff.reset();
    this.#options.log.info({ url: this.#options.endpoint.url }, 'publishing to the broker');
    this.#options.onConnected();
  }

  #lost(client: MqttClient | undefined, reason: string): void {
    if (client !== this.#client || this.#stopped) return;
    const { endpoint, log } = this.#options;
    if (this.#fault !== reason) log.warn({ url: endpoint.url, reason }, 'broker not there; trying again');
    this.#drop(reason);
    this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #drop(reason: string): void {
    clearTimeout(this.#patience);
    this.#fault = reason;
    const was = this.#connected;
    this.#connected = false;
    const client = this.#client;
    this.#client = undefined;
    client?.end(true);
    if (was) this.#options.onLost();
  }
}

function chunks(filters: string[]): string[][] {
  const count = Math.ceil(filters.length / SUBSCRIBE_AT_ONCE);
  return Array.from({ length: count }, (_, i) => filters.slice(i * SUBSCRIBE_AT_ONCE, (i + 1) * SUBSCRIBE_AT_ONCE));
}
