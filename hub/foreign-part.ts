/** Joins the sources that are no gateways to a broker, to ingest and to the board. */
import { VERSION } from '@lineside/shared/config/version.ts';
import type { Committed, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Credentials, readCredentials } from '@lineside/shared/mqtt/credentials.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import { TopicClient } from '@lineside/shared/mqtt/topic-client.ts';
import type { PublisherDoor } from './broker/publisher-door.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { MAX_BYTES } from './foreign/json-samples.ts';
import { JsonSource, type JsonSourceOptions, LOOK_MS } from './foreign/json-source.ts';

export interface ForeignPartOptions extends Pick<JsonSourceOptions, 'take' | 'quarantine' | 'now'> {
  config: LoadedHubConfig;
  report(status: GatewayStatus): void;
  log: Logger;
}

export class ForeignPart {
  readonly #options: ForeignPartOptions;
  readonly #sources: JsonSource[];
  readonly #credentials: Credentials;
  #client: TopicClient | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @throws LinesideError SECRET_UNREADABLE naming the source */
  constructor(options: ForeignPartOptions) {
    const { config, take, quarantine, now, log } = options;
    this.#options = options;
    this.#sources = config.sources.map((source) => new JsonSource({ config: source, take, quarantine, now, log }));
    this.#credentials = readCredentials(config.sources, config.resolvePath, `${config.file}: source`);
  }

  /** What the embedded broker has to know of them. */
  get door(): PublisherDoor {
    const of = (account: string) => this.#sources.find(({ source }) => source.name === `json:${account}`);
    return {
      verify: (name, password) => this.#credentials.verify(name, password),
      mayListen: () => false,
      mayHear: () => false,
      mayPublish: (name, topic) => (of(name)?.topic.read(topic) ?? null) !== null,
      onPublish: ({ account, topic, payload }) => of(account)?.take(topic, payload),
    };
  }

  start(): void {
    if (this.#sources.length === 0) return;
    for (const { source } of this.#sources) source.start();
    const { broker } = this.#options.config.mqtt;
    if (broker) this.#startClient(broker);
    const look = () => {
      for (const source of this.#sources) {
        source.look();
        this.#options.report(source.status(VERSION, this.#client?.fault ?? ''));
      }
    };
    this.#timer = setInterval(look, LOOK_MS);
    look();
  }

  /** Before ingest stops: what has come is handed over. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#client?.stop();
    await Promise.all(this.#sources.map(({ source }) => source.stop()));
  }

  /** The hub has committed something; false when it is of a gateway. */
  answered(name: string, committed: Committed): boolean {
    const known = this.#sources.find(({ source }) => source.name === name);
    known?.source.answered(committed);
    return known !== undefined;
  }

  #startClient(broker: NonNullable<LoadedHubConfig['mqtt']['broker']>): void {
    const { config, log } = this.#options;
    this.#client = new TopicClient({
      endpoint: endpointOf(broker, config.resolvePath),
      clientId: 'lineside-hub-sources',
      settings: { name: 'mqtt.broker.username', password: 'mqtt.broker.passwordFile' },
      filters: () => this.#sources.map(({ topic }) => topic.filter),
      onMessage: (topic, payload, retained) => {
        // What was kept by the broker says nothing of now, and has been taken when it came.
        if (!retained) for (const source of this.#sources) source.take(topic, payload);
      },
      onConnected: () => undefined,
      onLost: () => undefined,
      // One that is longer than a source takes is quarantined there, and counted.
      maxMessageBytes: 8 * MAX_BYTES,
      log,
    });
    this.#client.start();
  }
}
