/**
 * The MQTT connections of the node, one after the other, each with its death as will and a number of its own. A
 * connection that stands still is given up, and there is always a next one until `stop`.
 *
 * Data is QoS 0, so nothing answers it. But a broker works off a connection in order: when it answers a ping, it has
 * everything that was sent before the ping.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type MqttEndpoint, mqttReason, openMqtt } from '@lineside/shared/mqtt/open-client.ts';
import { Backoff } from '@lineside/shared/time/backoff.ts';
import type { MqttClient } from 'mqtt';
import type { BdSeqFile } from './bd-seq-file.ts';
import type { Place } from './history-flush.ts';

/** A connection that is not ready after so long is given up. */
const READY_MS = 15_000;
/** While so much waits for the network, nothing is added to it. Bytes. */
const CONGESTED_BYTES = 4 * 1024 * 1024;
/** The goodbye waits at most so long for the broker, twice. */
const GOODBYE_MS = 500;
/** How often the broker is asked whether it is there. Seconds. */
const KEEPALIVE_S = 10;

export interface SessionOptions {
  endpoint: MqttEndpoint;
  clientId: string;
  bdSeq: BdSeqFile;
  /** The death that goes with a birth of this number. */
  death(bdSeq: number): { topic: string; payload: Buffer };
  /** All are subscribed with QoS 1. */
  topics: string[];
  /** The broker delivers what was asked for: births may follow. */
  onReady(bdSeq: number): void;
  onMessage(topic: string, payload: Buffer, retained: boolean): void;
  /** The connection is gone, or there was none. */
  onLost(reason: string): void;
  /** How far the sender is: given back to `onProven` when the broker has everything up to there. */
  mark(): Place | undefined;
  onProven(mark: Place): void;
  log: Logger;
  /** For tests: waiting times between attempts, and between pings. */
  firstRetryMs?: number | undefined;
  keepaliveSeconds?: number | undefined;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #backoff: Backoff;
  #client: MqttClient | undefined;
  #bdSeq = 0;
  #readyTimer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #ready = false;
  #stopped = true;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.firstRetryMs ?? 500, 30_000);
  }

  start(): void {
    this.#stopped = false;
    void this.#connect();
  }

  /** Says goodbye, where there is a connection, and closes. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#retry);
    await this.#goodbye('stopped', true);
  }

  /** The network takes less than it is given: hold back. */
  get congested(): boolean {
    return (this.#client?.stream.writableLength ?? 0) > CONGESTED_BYTES;
  }

  /** QoS 0, as all data of Sparkplug. */
  publish(topic: string, payload: Buffer): void {
    if (this.#ready) this.#client?.publish(topic, payload, { qos: 0, retain: false });
  }

  /** All is well: the next lost connection is the first one. */
  settled(): void {
    this.#backoff.reset();
  }

  /** Gives the connection up and makes a new one. */
  drop(reason: string): void {
    if (this.#client) this.#lost(this.#client, reason);
  }

  /** Publishes the death, disconnects, and makes a new connection. */
  async restart(reason: string): Promise<void> {
    await this.#goodbye(reason, false);
    this.#later();
  }

  async #connect(): Promise<void> {
    const { endpoint, clientId, bdSeq, log, keepaliveSeconds = KEEPALIVE_S } = this.#options;
    const number = await bdSeq.next();
    if (this.#stopped) return;
    const death = this.#options.death(number);
    let client: MqttClient;
    try {
      client = openMqtt(endpoint, {
        clientId,
        keepalive: keepaliveSeconds,
        will: { ...death, qos: 1, retain: false },
      });
    } catch (error) {
      this.#lost(undefined, messageOf(error));
      return;
    }
    // Otherwise a busy sender would never ping.
    client.options.reschedulePings = false;
    this.#client = client;
    this.#bdSeq = number;
    // The CONNECT waits in the socket until then, and in vain where nobody listens.
    client.stream.once(endpoint.url.startsWith('mqtts:') ? 'secureConnect' : 'connect', () => bdSeq.sent());
    let mark: Place | undefined;
    client.on('packetsend', ({ cmd }) => {
      if (cmd === 'pingreq') mark = this.#options.mark();
    });
    client.on('packetreceive', ({ cmd }) => {
      if (cmd !== 'pingresp' || client !== this.#client || mark === undefined) return;
      this.#options.onProven(mark);
      mark = undefined;
    });
    client.on('connect', () => this.#subscribe(client, number));
    client.on('message', (topic, payload, { retain }) => {
      if (client === this.#client) this.#options.onMessage(topic, payload, retain);
    });
    client.on('error', (error) => this.#lost(client, mqttReason(error, this.#who)));
    client.on('close', () => this.#lost(client, 'the connection was closed'));
    this.#readyTimer = setTimeout(() => this.#lost(client, 'the broker does not answer'), READY_MS);
    log.debug({ url: endpoint.url, bdSeq: number }, 'connecting to the Sparkplug broker');
  }

  #subscribe(client: MqttClient, bdSeq: number): void {
    const { topics } = this.#options;
    client.subscribe(topics, { qos: 1 }, (error, granted) => {
      if (client !== this.#client) return;
      if (error || (granted ?? []).some(({ qos }) => qos >= 128)) {
        this.#lost(
          client,
          `the broker refuses the topics ${topics.join(', ')}; check the rights of this client there`,
        );
        return;
      }
      clearTimeout(this.#readyTimer);
      this.#ready = true;
      this.#options.onReady(bdSeq);
    });
  }

  get #who() {
    const { endpoint } = this.#options;
    return {
      name: endpoint.username ?? 'anonymous',
      nameSetting: 'sparkplug.username',
      passwordSetting: 'sparkplug.passwordFile',
    };
  }

  /** @param proves whether the broker's answer says that it has everything */
  async #goodbye(reason: string, proves: boolean): Promise<void> {
    const client = this.#client;
    const wasReady = this.#ready;
    const mark = this.#options.mark();
    this.#client = undefined;
    this.#ready = false;
    clearTimeout(this.#readyTimer);
    this.#options.onLost(reason);
    if (client?.connected && wasReady) {
      const death = this.#options.death(this.#bdSeq);
      const heard = await within(GOODBYE_MS, client.publishAsync(death.topic, death.payload, { qos: 1 }));
      if (heard && proves && mark) this.#options.onProven(mark);
      await within(GOODBYE_MS, client.endAsync(false));
    }
    client?.end(true);
  }

  #lost(client: MqttClient | undefined, reason: string): void {
    if (client !== this.#client || this.#stopped) return;
    this.#client = undefined;
    this.#ready = false;
    clearTimeout(this.#readyTimer);
    client?.end(true);
    this.#options.onLost(reason);
    this.#later();
  }

  #later(): void {
    if (this.#stopped) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), this.#backoff.next());
  }
}

/** Whether it ended well in time. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = work.then(
    () => true,
    () => false,
  );
  const result = await Promise.race([done, late]);
  clearTimeout(timer);
  return result;
}
