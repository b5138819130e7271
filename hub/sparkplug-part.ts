/** Joins the Sparkplug host application to a broker, to ingest and to the board. */
import type { Committed, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Credentials, readCredentials } from '@lineside/shared/mqtt/credentials.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import { TopicClient } from '@lineside/shared/mqtt/topic-client.ts';
import { parseSparkplugTopic, stateTopic } from '@lineside/shared/wire/sparkplug/topic.ts';
import { EmbeddedBroker } from './broker/embedded-broker.ts';
import type { GatewayBus } from './broker/gateway-bus.ts';
import type { PublisherDoor } from './broker/publisher-door.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { SparkplugHostConfig } from './sparkplug/config.ts';
import { SparkplugHost, type SparkplugHostOptions } from './sparkplug/sparkplug-host.ts';

export interface SparkplugPartOptions
  extends Pick<SparkplugHostOptions, 'take' | 'quarantine' | 'before' | 'now' | 'rebirthMs'> {
  config: LoadedHubConfig;
  settings: SparkplugHostConfig;
  report(status: GatewayStatus): void;
  log: Logger;
}

/** How often nodes are looked at, and told of. Milliseconds. */
const LOOK_MS = 5_000;
/** A change is told so soon, together with others. Milliseconds. */
const SOON_MS = 100;
/** A birth of 50,000 metrics has about half of it. Bytes. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

export class SparkplugPart {
  readonly #options: SparkplugPartOptions;
  readonly #host: SparkplugHost;
  readonly #credentials: Credentials;
  #publish: SparkplugHostOptions['publish'] = () => undefined;
  #client: TopicClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;

  /** @throws LinesideError SECRET_UNREADABLE naming the account */
  constructor(options: SparkplugPartOptions) {
    const { config, settings, take, quarantine, before, rebirthMs, now, log } = options;
    this.#options = options;
    const ofPlant = config.equipment.machines.map(({ gateway }) => gateway);
    const ofAccounts = settings.nodes.map(({ name, group, node = name }) => `sparkplug:${group}/${node}`);
    this.#host = new SparkplugHost({
      ...{ config: settings, take, quarantine, before, rebirthMs, now, log },
      expected: () => [...ofPlant, ...ofAccounts],
      publish: (...message) => this.#publish(...message),
      onChange: () => {
        this.#soon ??= setTimeout(() => this.#look(), SOON_MS);
      },
    });
    this.#credentials = readCredentials(settings.nodes, config.resolvePath, `${config.file}: sparkplug node`);
  }

  /** What the embedded broker has to know of the edge nodes. */
  get door(): PublisherDoor {
    const { nodes } = this.#options.settings;
    const own = new Map(nodes.map(({ name, group, node = name }) => [name, { group, node }]));
    const isOwn = (account: string, topic: string, ends: (type: string) => boolean) => {
      const parsed = parseSparkplugTopic(topic);
      const { group, node } = own.get(account) ?? {};
      return parsed !== null && parsed.group === group && parsed.node === node && ends(parsed.type);
    };
    return {
      verify: (name, password) => this.#credentials.verify(name, password),
      mayPublish: (name, topic) => isOwn(name, topic, (type) => !type.endsWith('CMD')),
      mayListen: (name, filter) => own.has(name) && filter.startsWith('spBv1.0/'),
      mayHear: (name, topic) =>
        (own.has(name) && topic === stateTopic(this.#options.settings.hostId)) ||
        isOwn(name, topic, (type) => type.endsWith('CMD')),
      // At this broker nothing is older than its session, and nothing of it is kept.
      onPublish: ({ topic, payload }) => this.#host.take(topic, payload, false),
    };
  }

  start(bus: GatewayBus): void {
    const { settings } = this.#options;
    if (bus instanceof EmbeddedBroker && !settings.broker) {
      this.#publish = (topic, payload, options) => bus.publish(topic, payload, options, () => undefined);
      this.#host.will();
      this.#host.connected();
    } else this.#startClient();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#look();
  }

  /** Before ingest and the broker stop: what has come is handed over. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#host.stop();
    clearTimeout(this.#soon);
    await this.#client?.stop();
  }

  /** The hub has committed something; false when it is of no edge node. */
  answered(name: string, committed: Committed): boolean {
    return this.#host.answered(name, committed);
  }

  #look(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#host.look();
    for (const status of this.#host.statuses(this.#client?.fault ?? '')) this.#options.report(status);
  }

  #startClient(): void {
    const { config, settings, log } = this.#options;
    const setting = settings.broker ? 'sparkplug.broker' : 'mqtt.broker';
    const client = new TopicClient({
      endpoint: endpointOf(settings.broker ?? config.mqtt.broker!, config.resolvePath),
      clientId: `lineside-host-${settings.hostId}`,
      settings: { name: `${setting}.username`, password: `${setting}.passwordFile` },
      will: () => this.#host.will(),
      filters: () => this.#host.filters,
      mustHear: true,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      onMessage: (topic, payload, retained) => this.#host.take(topic, payload, retained),
      onConnected: () => this.#host.connected(),
      onLost: () => this.#host.lost(client.fault),
      log,
    });
    this.#client = client;
    this.#publish = (topic, payload, options) => client.publish(topic, payload, options, () => undefined);
    client.start();
  }
}
