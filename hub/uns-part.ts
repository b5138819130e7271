/** Joins the plant's topics to the board, to a broker, and their sets to the desk of writes. */
import { VERSION } from '@lineside/shared/config/version.ts';
import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { readCredentials } from '@lineside/shared/mqtt/credentials.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import { TopicClient } from '@lineside/shared/mqtt/topic-client.ts';
import type { PublishRetained } from '@lineside/shared/uns/outbox.ts';
import { RETAINED, SetDesk } from '@lineside/shared/uns/set-desk.ts';
import { UnsTopics } from '@lineside/shared/uns/topics.ts';
import type { AndonBoard } from './andon/board.ts';
import { EmbeddedBroker } from './broker/embedded-broker.ts';
import type { GatewayBus } from './broker/gateway-bus.ts';
import type { IntegratorDoor } from './broker/integrator-door.ts';
import type { RefusedPublication } from './broker/refused-publications.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { rootOf } from './equipment/plant.ts';
import type { SampleColumns } from './store/timeseries/time-series.ts';
import { Integrators, type ManagedAccounts } from './uns/integrators.ts';
import { PlantTopics } from './uns/plant-topics.ts';
import type { WriteDesk } from './writes/write-desk.ts';

/** How long the last words may take. Milliseconds. */
const GOODBYE_MS = 700;

export interface UnsPartOptions {
  config: LoadedHubConfig;
  board: AndonBoard;
  /** Accounts that were made through the API. */
  accounts?: ManagedAccounts;
  request: WriteDesk['request'];
  openAlarms(): AlarmView[];
  /** Somebody's set was refused before its gateway was asked. */
  onRefused?(refused: RefusedPublication): void;
  log: Logger;
  now(): number;
}

export class UnsPart {
  readonly #options: UnsPartOptions;
  readonly #topics: UnsTopics;
  readonly #plant: PlantTopics;
  readonly #sets: SetDesk;
  readonly #enterprise: string;
  /** What the embedded broker has to know of integrators. */
  readonly door: IntegratorDoor;
  #client: TopicClient | undefined;
  #started = false;
  #publishNow: PublishRetained = (_topic, _payload, _qos, done) => done();
  #say: (topic: string, payload: string) => void = () => undefined;

  /** @throws LinesideError SECRET_UNREADABLE naming the account */
  constructor(options: UnsPartOptions) {
    this.#options = options;
    const { config, board, request, log, now } = options;
    const { uns, equipment } = config;
    this.#topics = new UnsTopics(uns);
    this.#enterprise = rootOf(equipment);
    this.#plant = new PlantTopics({
      ...{ topics: this.#topics, enterprise: this.#enterprise, machines: equipment.machines, version: VERSION, now },
      minIntervalMs: uns.minIntervalMs,
      tag: (id) => board.catalog.current(id),
      publish: (topic, payload, qos, done) => this.#publishNow(topic, payload, qos, done),
    });
    this.#sets = new SetDesk({
      find: (topic) => {
        const tag = this.#plant.tagOfSet(topic);
        return tag === undefined
          ? undefined
          : ({ value, comment }, by, address) =>
              request({ name: `${by} (MQTT)`, kind: 'account', address, requestId: '' }, tag, value, comment);
      },
      answer: (topic, payload) => this.#say(topic, payload),
      onRefused: ({ topic, payload, by: name, from: address = '', refusal }, reason) => {
        // Everything else is wrong with what was said, not with who said it.
        const outcome = refusal !== '' && refusal !== RETAINED ? 'refused' : 'failed';
        options.onRefused?.({ kind: 'account', name, address, topic, payload, reason, outcome });
      },
      ...{ log, now },
    });
    this.door = this.#makeDoor();
  }

  /** Publishes at the bus's broker when that is the embedded one, else at one of the plant. */
  start(bus: GatewayBus): void {
    this.#started = true;
    const { board, openAlarms } = this.#options;
    board.on('machine', (machine) => this.#plant.machine(machine));
    board.on('gateway', (gateway) => this.#plant.gateway(gateway));
    board.on('alarm', (alarm) => this.#plant.alarm(alarm));
    for (const gateway of board.gateways.all()) {
      for (const { id } of board.catalog.ofGateway(gateway.id)) {
        const last = board.last(id);
        if (last) this.#plant.restore([last]);
      }
      this.#plant.gateway(gateway);
    }
    for (const machine of board.machines()) this.#plant.machine(machine);
    for (const alarm of openAlarms()) this.#plant.alarm(alarm);
    this.#plant.hub(true);
    if (bus instanceof EmbeddedBroker && !this.#options.config.uns.broker) {
      this.#publishNow = (topic, payload, qos, done) => bus.publish(topic, payload, { retain: true, qos }, done);
      this.#say = (topic, payload) => bus.publish(topic, payload, { retain: false, qos: 1 }, () => undefined);
      this.#plant.open();
    } else this.#startClient();
  }

  async stop(): Promise<void> {
    if (!this.#started) return;
    await this.#plant.sayGoodbye(GOODBYE_MS);
    await this.#client?.stop();
  }

  /** The tag that is set by this topic, as the audit log names it; undefined when the topic sets nothing. */
  tagOfSet(topic: string): string | undefined {
    if (!this.#topics.isSet(topic)) return undefined;
    const id = this.#plant.tagOfSet(topic);
    const tag = id === undefined ? undefined : this.#options.board.catalog.current(id);
    return tag ? `${tag.gateway}/${tag.device}/${tag.name}` : topic;
  }

  /** Before the start it has nothing to say: the board has what there is, and another hub may be the one that says it. */
  observe(samples: SampleColumns): void {
    if (this.#started) this.#plant.observe(samples);
  }

  tagsChanged(ids: Iterable<number>): void {
    if (this.#started) this.#plant.tagsChanged(ids);
  }

  #startClient(): void {
    const { config, log } = this.#options;
    const { clientId } = config.uns.broker ?? {};
    const setting = config.uns.broker ? 'uns.broker' : 'mqtt.broker';
    const client = new TopicClient({
      endpoint: endpointOf(config.uns.broker ?? config.mqtt.broker!, config.resolvePath),
      clientId: clientId ?? 'lineside-hub-uns',
      settings: { name: `${setting}.username`, password: `${setting}.passwordFile` },
      will: this.#plant.lastWill(),
      // Tags are set at the embedded broker, whose accounts are known, or through the API.
      filters: () => [this.#plant.alarmFilter],
      onMessage: (topic, payload, retained) => {
        if (retained && payload.length > 0) this.#plant.keptAlarm(topic);
      },
      onConnected: () => this.#plant.open(),
      onLost: () => this.#plant.close(),
      log,
    });
    this.#client = client;
    this.#publishNow = (topic, payload, qos, done) => client.publish(topic, payload, { retain: true, qos }, done);
    client.start();
  }

  #makeDoor(): IntegratorDoor {
    const { config, accounts: managed } = this.#options;
    const integrators = new Integrators({
      ...{ accounts: config.mqtt.accounts, managed },
      credentials: readCredentials(config.mqtt.accounts, config.resolvePath, `${config.file}: mqtt account`),
      prefix: this.#topics.prefix,
      enterprise: this.#enterprise,
    });
    return {
      verify: (name, password) => integrators.verify(name, password),
      mayHear: (name, topic) => integrators.mayHear(name, topic),
      isSet: (topic) => this.#topics.isSet(topic),
      onSet: ({ topic, payload, account, from, retained }) => {
        const may = integrators.mayWrite(account, topic);
        const refusal = retained
          ? RETAINED
          : may
            ? ''
            : `account "${account}" may not set this: it has no write: true, or its sites leave the topic out`;
        void this.#sets.take({ topic, payload, by: account, from, refusal });
      },
    };
  }
}
