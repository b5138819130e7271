/** A gateway played by a test: its connection, and what the hub says to it. */
import { type EventEmitter, once } from 'node:events';
import type { Command, Committed } from '@lineside/shared/contracts/link.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { EPOCH } from './gateway-records.ts';
import { gatewayStatus } from './hub-world.ts';

/** What a gateway does, by hand; it is `line-1`. */
export class FakeGateway {
  readonly committed: Committed[] = [];
  readonly commands: Command[] = [];
  #client!: MqttClient;

  async connect(port: number, password: string): Promise<void> {
    const login = { clientId: 'line-1', username: 'line-1', password };
    this.#client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { ...login, reconnectPeriod: 0 });
    this.#client.on('error', () => undefined);
    await once(this.#client as unknown as EventEmitter, 'connect');
    this.#client.on('message', (topic, payload) => {
      const body = JSON.parse(payload.toString());
      if (topic.endsWith('committed')) this.committed.push(body as Committed);
      else this.commands.push(body as Command);
    });
    await this.#client.subscribeAsync([topicOf('line-1', 'committed'), topicOf('line-1', 'command')], { qos: 1 });
    await this.send('status', JSON.stringify(gatewayStatus()));
    await this.send('hello', JSON.stringify({ epoch: EPOCH, oldest: 1, newest: 9 }));
  }

  data(payload: Buffer): Promise<unknown> {
    return this.send('data', payload);
  }

  end(): void {
    this.#client?.end(true);
  }

  send(kind: 'status' | 'hello' | 'data', payload: string | Buffer): Promise<unknown> {
    return this.#client.publishAsync(topicOf('line-1', kind), payload, { qos: 1 });
  }
}
