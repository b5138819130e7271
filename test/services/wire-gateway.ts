/**
 * A gateway at the wire: it sends a record every so often, keeps each until the hub says that it has committed it, sends
 * again what the hub asks for, and says hello when it hears nothing.
 */
import type { Committed } from '@lineside/shared/contracts/link.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { envelope, tagInfo } from './gateway-records.ts';
import { gatewayStatus } from './hub-world.ts';

const PERIOD_MS = 100;
/** Nothing heard for so long while something is owed. Milliseconds. */
const SILENCE_MS = 2_000;
/** Most records that are not answered. */
const WINDOW = 32;

export class WireGateway {
  readonly id: string;
  readonly epoch: string;
  readonly #client: MqttClient;
  readonly #kept = new Map<number, Buffer>();
  readonly #startedAt = Date.now();
  #sent = 0;
  #heardAt = performance.now();
  #timers: NodeJS.Timeout[] = [];
  /** Newest record. */
  seq = 0;
  /** Newest that the hub has committed. */
  committed = 0;

  private constructor(id: string, client: MqttClient, epoch: string) {
    this.id = id;
    this.#client = client;
    this.epoch = epoch;
  }

  /** @param password where the broker wants one; its user name is its id */
  static async start(url: string, id: string, epoch: string, password?: string): Promise<WireGateway> {
    const login = password === undefined ? {} : { username: id, password };
    const client = await mqtt.connectAsync(url, { clientId: id, ...login, reconnectPeriod: 0 });
    const gateway = new WireGateway(id, client, epoch);
    client.on('message', (_topic, payload) => gateway.#heard(JSON.parse(payload.toString()) as Committed));
    await client.subscribeAsync(topicOf(id, 'committed'), { qos: 1 });
    gateway.#hello();
    gateway.#timers = [
      setInterval(() => gateway.#measure(), PERIOD_MS),
      setInterval(() => gateway.#lookAfter(), SILENCE_MS),
    ];
    return gateway;
  }

  /** Samples of all its records: two each, and a link in the first. */
  get samples(): number {
    return this.seq * 2 + 1;
  }

  /** Measures nothing more; what it has goes on to the hub. */
  settle(): void {
    clearInterval(this.#timers[0]);
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#client.end(true);
  }

  #measure(): void {
    const seq = ++this.seq;
    const at = this.#startedAt + seq * 10;
    const first = seq === 1;
    const tags = [tagInfo(1, '$link', 'integer'), tagInfo(2, 'state', 'integer'), tagInfo(3, 'speed')];
    const record = envelope(
      seq,
      {
        ...(first ? { tags } : {}),
        receivedAt: Date.now(),
        samples: [...(first ? ([[1, at, 1]] as [number, number, number][]) : []), [2, at, 6], [3, at, seq]],
      },
      { epoch: this.epoch },
    );
    this.#kept.set(seq, record);
    this.#send();
  }

  #send(): void {
    while (this.#sent < this.seq && this.#sent < this.committed + WINDOW) {
      this.#sent++;
      this.#publish('data', this.#kept.get(this.#sent)!);
    }
  }

  #heard({ epoch, seq, resend }: Committed): void {
    if (epoch !== this.epoch) return;
    this.#heardAt = performance.now();
    if (seq > this.committed) {
      for (let old = this.committed + 1; old <= seq; old++) this.#kept.delete(old);
      this.committed = seq;
    }
    if (resend) this.#sent = this.committed;
    this.#sent = Math.max(this.#sent, this.committed);
    this.#send();
  }

  #lookAfter(): void {
    this.#publish('status', JSON.stringify(gatewayStatus({ gateway: this.id })));
    if (this.committed === this.seq || performance.now() - this.#heardAt < SILENCE_MS) return;
    this.#hello();
    // Whoever answers now has none of what was on its way.
    this.#sent = this.committed;
    this.#send();
  }

  #hello(): void {
    this.#publish('status', JSON.stringify(gatewayStatus({ gateway: this.id })));
    this.#publish('hello', JSON.stringify({ epoch: this.epoch, oldest: this.committed + 1, newest: this.seq }));
  }

  #publish(kind: 'data' | 'hello' | 'status', payload: string | Buffer): void {
    this.#client.publish(topicOf(this.id, kind), payload, { qos: 1 });
  }
}
