/** A host application for tests: writes down what nodes say, holds their sequence to account, and asks for things. */
import { BD_SEQ, DataType, type Metric, type Payload, REBIRTH } from '@lineside/shared/wire/sparkplug/payload.ts';
import { readPayload } from '@lineside/shared/wire/sparkplug/payload-reader.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import { deviceTopic, nodeTopic, parseSparkplugTopic, stateTopic } from '@lineside/shared/wire/sparkplug/topic.ts';
import { sparkplugValue } from '@lineside/shared/wire/sparkplug/value.ts';
import { connectAsync, type MqttClient } from 'mqtt';

export interface Heard {
  type: string;
  device: string | undefined;
  payload: Payload;
  bytes: Buffer;
  qos: number;
  /** By performance.now(). */
  at: number;
}

/** What a metric of a message says, the data type taken from the births. */
export interface Said {
  name: string;
  value: unknown;
  at: number;
  historical: boolean;
  quality: number | undefined;
}

export class SparkplugHost {
  readonly heard: Heard[] = [];
  readonly #client: MqttClient;
  readonly #group: string;
  readonly #node: string;

  private constructor(client: MqttClient, group: string, node: string) {
    this.#client = client;
    this.#group = group;
    this.#node = node;
    client.on('message', (topic, bytes, { qos }) => {
      const parsed = parseSparkplugTopic(topic);
      if (!parsed || parsed.type.endsWith('CMD')) return;
      const payload = readPayload(bytes);
      this.heard.push({ type: parsed.type, device: parsed.device, payload, bytes, qos, at: performance.now() });
    });
  }

  static async connect(url: string, group: string, node: string): Promise<SparkplugHost> {
    const client = await connectAsync(url, { reconnectPeriod: 50 });
    const host = new SparkplugHost(client, group, node);
    await client.subscribeAsync('spBv1.0/#', { qos: 1 });
    return host;
  }

  /** Such as `NBIRTH, DBIRTH press, DDATA press`. */
  story(from = 0): string {
    return this.heard
      .slice(from)
      .map(({ type, device }) => (device ? `${type} ${device}` : type))
      .join(', ');
  }

  of(type: string, device?: string): Heard[] {
    return this.heard.filter((message) => message.type === type && message.device === device);
  }

  /** bdSeq of each birth and death, in the order in which they came. */
  bdSeqs(): string[] {
    return this.heard
      .filter(({ type }) => type === 'NBIRTH' || type === 'NDEATH')
      .map(({ type, payload }) => `${type} ${payload.metrics.find(({ name }) => name === BD_SEQ)?.value?.value}`);
  }

  /** What a device's data messages have said, by the names of its last birth before. */
  data(device?: string): Said[] {
    const births = new Map<unknown, Metric>();
    return this.heard
      .filter((message) => message.device === device)
      .flatMap(({ type, payload }) => {
        if (type.endsWith('BIRTH')) for (const metric of payload.metrics) births.set(metric.alias, metric);
        if (!type.endsWith('DATA')) return [];
        return payload.metrics.map((metric) => this.said(metric, births.get(metric.alias)));
      });
  }

  said(metric: Metric, birth: Metric = metric): Said {
    const quality = metric.properties?.find(({ key }) => key === 'Quality');
    return {
      name: birth.name ?? `alias ${metric.alias}`,
      value: sparkplugValue(metric, birth.datatype),
      at: metric.timestamp ?? 0,
      historical: metric.isHistorical ?? false,
      quality: quality && Number(sparkplugValue(quality)),
    };
  }

  /** Sequence numbers that do not follow the one before; empty when all is well. */
  holes(): string[] {
    const holes: string[] = [];
    let last: number | undefined;
    for (const { type, payload } of this.heard) {
      if (type === 'NDEATH') continue;
      const wanted = type === 'NBIRTH' ? 0 : ((last ?? -1) + 1) % 256;
      if (payload.seq !== wanted) holes.push(`${type}: ${payload.seq} instead of ${wanted}`);
      last = payload.seq;
    }
    return holes;
  }

  async state(host: string, online: boolean, timestamp: number): Promise<void> {
    await this.raw(stateTopic(host), JSON.stringify({ online, timestamp }), true);
  }

  async rebirth(): Promise<void> {
    await this.nodeCommand({ name: REBIRTH, datatype: DataType.Boolean, value: { kind: 'boolean', value: true } });
  }

  async nodeCommand(...metrics: Metric[]): Promise<void> {
    const payload = writePayload({ timestamp: Date.now(), metrics });
    await this.#client.publishAsync(nodeTopic(this.#group, 'NCMD', this.#node), payload);
  }

  async deviceCommand(device: string, ...metrics: Metric[]): Promise<void> {
    const payload = writePayload({ timestamp: Date.now(), metrics });
    await this.#client.publishAsync(deviceTopic(this.#group, 'DCMD', this.#node, device), payload);
  }

  async raw(topic: string, payload: Buffer | string, retain = false): Promise<void> {
    await this.#client.publishAsync(topic, payload, { qos: 1, retain });
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
