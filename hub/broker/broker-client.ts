/**
 * The hub at a broker that is not its own (Mosquitto, EMQX, HiveMQ, VerneMQ): it hears all gateways as one client.
 * What the broker loses is no loss, for gateways only believe the hub's answer; so nothing is queued there for the
 * hub either, and the session is a clean one.
 */
import type { RenewAnswer } from '@lineside/shared/contracts/enrolment.ts';
import { type Command, Committed } from '@lineside/shared/contracts/link.ts';
import { GATEWAY_TOPICS, type HubTopic, parseTopic, topicOf } from '@lineside/shared/contracts/topics.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type MqttEndpoint, mqttReason, openMqtt } from '@lineside/shared/mqtt/open-client.ts';
import { Backoff } from '@lineside/shared/time/backoff.ts';
import type { IPublishPacket, MqttClient } from 'mqtt';
import { Value } from 'typebox/value';
import type { BusFigures, GatewayBus, GatewayReceiver } from './gateway-bus.ts';
import { GatewayLanes } from './gateway-lanes.ts';

/** A broker that has not let the hub hear its topics for so long is left and tried again. Milliseconds. */
const SUBSCRIBE_MS = 10_000;

export interface BrokerClientOptions {
  endpoint: MqttEndpoint & { username: string };
  /** By which the broker knows this connection from those of other hubs; by default the user name. */
  clientId?: string | undefined;
  /** Where several hubs share the gateways: what any of them has told a gateway. */
  onAnswer?: ((gateway: string, committed: Committed) => void) | undefined;
  /** Gateways can be heard and told things, from now on. */
  onConnected(): void;
  log: Logger;
}

export class BrokerClient implements GatewayBus {
  readonly #options: BrokerClientOptions;
  readonly #backoff = new Backoff(500, 10_000);
  readonly #lanes: GatewayLanes;
  #receiver: GatewayReceiver | undefined;
  #client: MqttClient | undefined;
  #retry: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #stopped = true;
  #fault = 'not connected yet';

  constructor(options: BrokerClientOptions) {
    this.#options = options;
    this.#lanes = new GatewayLanes({
      onOverflow: (gateway) => {
        const words = 'this gateway sends more than it may before it is answered; the rest is asked for again';
        options.log.warn({ gateway }, words);
      },
    });
  }

  /** Why gateways cannot be heard; empty while they can. */
  get fault(): string {
    return this.#fault === '' ? '' : `broker ${this.#options.endpoint.url}: ${this.#fault}`;
  }

  get figures(): BusFigures {
    return { clients: {}, dropped: 0 };
  }

  /** Resolves at once: a broker that is not there yet is no reason not to serve what is stored. */
  async start(receiver: GatewayReceiver): Promise<void> {
    this.#receiver = receiver;
    this.#stopped = false;
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#drop('stopped');
  }

  answer(gateway: string, committed: Committed): void {
    this.#publish(gateway, 'committed', committed);
  }

  certificate(gateway: string, answer: RenewAnswer): void {
    this.#publish(gateway, 'certificate', answer);
  }

  command(gateway: string, command: Command): void {
    // What is for now must not arrive twice, nor be kept for a gateway that is away.
    this.#publish(gateway, 'command', command, command.type === 'alarm.acknowledge' ? 1 : 0);
  }

  /** What cannot be sent now is asked for again: a gateway that gets no answer says hello. */
  #publish(gateway: string, kind: HubTopic, body: Committed | Command | RenewAnswer, qos: 0 | 1 = 1): void {
    if (!this.#client?.connected) return;
    this.#client.publish(topicOf(gateway, kind), JSON.stringify(body), { qos }, (error) => {
      if (error) this.#options.log.warn({ gateway, kind, error: messageOf(error) }, 'could not answer a gateway');
    });
  }

  #connect(): void {
    const { endpoint, log } = this.#options;
    let client: MqttClient;
    try {
      client = openMqtt(endpoint, { clientId: this.#options.clientId ?? endpoint.username });
    } catch (error) {
      this.#lost(undefined, messageOf(error));
      return;
    }
    this.#client = client;
    // The broker gets its PUBACK when the message has its place, so a hub that is behind with all slows the broker down.
    client.handleMessage = (packet, placed) => void this.#place(packet as IPublishPacket).then(() => placed());
    client.on('connect', () => this.#subscribe(client));
    client.on('error', (error) => {
      const who = { name: endpoint.username, nameSetting: 'mqtt.broker.username' };
      this.#lost(client, mqttReason(error, { ...who, passwordSetting: 'mqtt.broker.passwordFile' }));
    });
    client.on('close', () => this.#lost(client, 'the connection was closed'));
    log.debug({ url: endpoint.url }, 'connecting to the broker');
  }

  #subscribe(client: MqttClient): void {
    const topics = GATEWAY_TOPICS.filter((kind) => kind !== 'renew').map((kind) => topicOf('+', kind));
    if (this.#options.onAnswer) topics.push(topicOf('+', 'committed'));
    const refusal = `it refuses the topics ${topics.join(', ')}; check the rights of "${this.#options.endpoint.username}"`;
    this.#patience = setTimeout(() => this.#lost(client, 'it does not answer the subscription'), SUBSCRIBE_MS);
    client.subscribe(topics, { qos: 1 }, (error, granted) => {
      if (client !== this.#client) return;
      clearTimeout(this.#patience);
      if (error || (granted ?? []).some(({ qos }) => qos >= 128)) {
        this.#lost(client, refusal);
        return;
      }
      this.#hearRenewals(client);
      this.#fault = '';
      this.#backoff.reset();
      this.#options.log.info({ url: this.#options.endpoint.url }, 'hearing gateways');
      this.#options.onConnected();
    });
  }

  /** A broker whose rights are older than this topic goes on as before, but for certificates. */
  #hearRenewals(client: MqttClient): void {
    const topic = topicOf('+', 'renew');
    client.subscribe(topic, { qos: 1 }, (error, granted) => {
      if (client !== this.#client || (!error && (granted ?? []).every(({ qos }) => qos < 128))) return;
      const words =
        'the broker refuses this topic: gateways cannot renew their certificates; see hub mosquitto-config';
      this.#options.log.warn({ topic }, words);
    });
  }

  async #place({ topic, payload, retain }: IPublishPacket): Promise<void> {
    const parsed = parseTopic(topic);
    if (!parsed) return;
    const { gateway } = parsed;
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    if (parsed.kind === 'committed') {
      // Behind what it is about.
      await this.#lanes.put(gateway, bytes.length, async () => this.#heardAnswer(gateway, bytes));
      return;
    }
    const kind = GATEWAY_TOPICS.find((known) => known === parsed.kind);
    if (!kind) return;
    await this.#lanes.put(gateway, bytes.length, async () => {
      try {
        await this.#receiver!({ gateway, kind, payload: bytes, retained: retain });
      } catch (error) {
        this.#options.log.error({ gateway, kind, error: messageOf(error) }, 'message not taken');
      }
    });
  }

  #heardAnswer(gateway: string, payload: Buffer): void {
    try {
      const answer: unknown = JSON.parse(payload.toString());
      if (Value.Check(Committed, answer)) this.#options.onAnswer?.(gateway, answer);
    } catch {
      // Not of a hub.
    }
  }

  #lost(client: MqttClient | undefined, reason: string): void {
    if (client !== this.#client || this.#stopped) return;
    if (this.#fault !== reason)
      this.#options.log.warn({ url: this.#options.endpoint.url, reason }, 'broker not there');
    this.#drop(reason);
    this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #drop(reason: string): void {
    clearTimeout(this.#patience);
    this.#fault = reason;
    const client = this.#client;
    this.#client = undefined;
    client?.end(true);
  }
}
