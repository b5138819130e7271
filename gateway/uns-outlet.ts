/** Joins the unified namespace to its broker, the local one or one of the plant, and its sets to the writer. */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { Frame, TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import type { WriteOutcome, WriteRequest } from '@lineside/shared/contracts/write.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { readCredentials } from '@lineside/shared/mqtt/credentials.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import { TopicClient } from '@lineside/shared/mqtt/topic-client.ts';
import type { PublishRetained } from '@lineside/shared/uns/outbox.ts';
import { RETAINED, SetDesk } from '@lineside/shared/uns/set-desk.ts';
import type { LocalAlarm } from './alarms/alarm-stage.ts';
import type { DeviceEntry, LoadedConfig } from './config/load-config.ts';
import { LocalBroker } from './local-broker/local-broker.ts';
import type { Outlet } from './outlet.ts';
import type { EquipmentConfig } from './uns/config.ts';
import { UnsLayout } from './uns/layout.ts';
import { SetTopics } from './uns/set-topics.ts';
import { UnsPublisher } from './uns/uns-publisher.ts';

/** How long the last words may take. Milliseconds. */
const GOODBYE_MS = 700;

export interface UnsOutletOptions {
  /** Its `uns` and `localBroker` are in force until the end. */
  config: LoadedConfig;
  version: string;
  write(request: WriteRequest): Promise<WriteOutcome>;
  log: Logger;
  now(): number;
}

/** Figures for the metrics. */
export interface UnsFigures {
  published: number;
  waiting: number;
  /** Why nothing is published at the moment; empty when all is well. */
  fault: string;
  /** Of the local broker. */
  clients: number;
  dropped: number;
}

export class UnsOutlet implements Outlet {
  readonly #options: UnsOutletOptions;
  readonly #publisher: UnsPublisher;
  readonly #sets: SetDesk;
  readonly #setTopics: SetTopics;
  readonly #broker: LocalBroker | undefined;
  readonly #client: TopicClient | undefined;

  /** @throws LinesideError SECRET_UNREADABLE naming the account */
  constructor(options: UnsOutletOptions) {
    this.#options = options;
    const { config, version, write, log, now } = options;
    const { uns } = config;
    const gateway = config.gateway.id;
    const layout = new UnsLayout(uns, gateway);
    const publish: PublishRetained = (topic, payload, qos, done) =>
      this.#publish(topic, payload, { retain: true, qos }, done);
    const { minIntervalMs } = uns;
    this.#publisher = new UnsPublisher({ layout, gateway, version, minIntervalMs, publish, now });
    this.#setTopics = new SetTopics(layout);
    this.#sets = new SetDesk({
      find: (topic) => {
        const meant = this.#setTopics.find(topic);
        return meant && ((set, by) => write({ ...set, ...meant, by, via: 'mqtt' }));
      },
      answer: (topic, payload) => this.#publish(topic, payload, { retain: false, qos: 1 }, () => undefined),
      ...{ log, now },
    });
    if (config.localBroker.enabled) this.#broker = this.#localBroker(layout);
    if (uns.enabled && uns.broker) this.#client = this.#topicClient(gateway);
  }

  /** The port of the local broker; 0 without one. */
  get port(): number {
    return this.#broker?.port ?? 0;
  }

  figures(): UnsFigures {
    const { clients, dropped } = this.#broker?.counts ?? { clients: 0, dropped: 0 };
    return { ...this.#publisher.counts, fault: this.#client?.fault ?? '', clients, dropped };
  }

  /** @throws LinesideError PORT_TAKEN, TLS_FILE_UNREADABLE of the local broker. */
  async start(): Promise<void> {
    const { config, log } = this.#options;
    if (this.#broker) {
      await this.#broker.start();
      const { host, tls, accounts } = config.localBroker;
      const url = `${tls ? 'mqtts' : 'mqtt'}://${host}:${this.#broker.port}`;
      log.info({ url, accounts: accounts.length, uns: config.uns.enabled }, 'local broker');
    }
    if (!config.uns.enabled) return;
    this.#publisher.gateway(true);
    if (this.#client) this.#client.start();
    else this.#publisher.open();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    if (this.#options.config.uns.enabled) await this.#publisher.sayGoodbye(GOODBYE_MS);
    await this.#client?.stop();
    await this.#broker?.stop();
  }

  describe(config: LoadedConfig, tags: TagInfo[]): void {
    const before = this.#setTopics.writable;
    const devices = config.devices.map((device) => placed(device));
    this.#publisher.describe(devices, tags);
    this.#setTopics.describe(devices, tags);
    const after = new Set(this.#setTopics.writable);
    if (this.#client && this.#options.config.uns.broker?.write) {
      this.#client.resubscribe(before.filter((topic) => !after.has(topic)));
    }
  }

  observe(frame: Frame): void {
    this.#publisher.observe(frame);
  }

  device(status: DeviceStatus): void {
    this.#publisher.device(status);
  }

  alarm(event: AlarmEvent): void {
    this.#publisher.alarm(event);
  }

  activeAlarms(alarms: LocalAlarm[]): void {
    for (const { id, raisedAt, returnedAt, acknowledgedAt, acknowledgedBy, ...alarm } of alarms) {
      const at = Math.max(raisedAt, returnedAt ?? 0, acknowledgedAt ?? 0);
      this.#publisher.alarm({ ...alarm, occurrence: id, at, by: acknowledgedBy });
    }
    const rules = this.#options.config.alarms.map(({ id, tag }) => ({ rule: id, device: tag.split('/')[0]! }));
    this.#publisher.normal(rules);
  }

  #publish(topic: string, payload: string, how: { retain: boolean; qos: 0 | 1 }, done: () => void): void {
    (this.#client ?? this.#broker)!.publish(topic, payload, how, done);
  }

  #localBroker(layout: UnsLayout): LocalBroker {
    const { config, log } = this.#options;
    return new LocalBroker({
      config: config.localBroker,
      credentials: readCredentials(config.localBroker.accounts, config.resolvePath, 'localBroker account'),
      // Values that go to another broker are set there.
      isSet: (topic) => config.uns.enabled && !config.uns.broker && layout.topics.isSet(topic),
      onSet: ({ topic, payload, account, mayWrite, retained }) => {
        const refusal = retained
          ? RETAINED
          : mayWrite
            ? ''
            : `account "${account}" may not set this: it has no write: true, or its allow leaves the topic out`;
        void this.#sets.take({ topic, payload, by: account, refusal });
      },
      resolvePath: (path) => config.resolvePath(path),
      log,
    });
  }

  #topicClient(gateway: string): TopicClient {
    const { config, log } = this.#options;
    const broker = config.uns.broker!;
    const by = `broker ${new URL(broker.url).hostname}`.slice(0, 40);
    return new TopicClient({
      endpoint: endpointOf(broker, config.resolvePath),
      clientId: broker.clientId ?? `lineside-${gateway}-uns`,
      settings: { name: 'uns.broker.username', password: 'uns.broker.passwordFile' },
      will: this.#publisher.lastWill(),
      filters: () => (broker.write ? this.#setTopics.writable : []),
      onMessage: (topic, payload, retained) =>
        void this.#sets.take({ topic, payload, by, refusal: retained ? RETAINED : '' }),
      onConnected: () => this.#publisher.open(),
      onLost: () => this.#publisher.close(),
      log,
    });
  }
}

function placed({ id, settings, tags }: DeviceEntry) {
  const { equipment } = settings as { equipment?: EquipmentConfig };
  return { id, equipment, writable: new Set(tags.filter(({ writable }) => writable).map(({ name }) => name)) };
}
