/** The hub and a gateway at a real Mosquitto, with its default settings, that is killed under them. */
import { join } from 'node:path';
import { emptyFrame, pushSample } from '@lineside/shared/contracts/frame.ts';
import type { GatewayStatus, Hello } from '@lineside/shared/contracts/link.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import { readEnvelope } from '@lineside/shared/wire/envelope.ts';
import mqtt from 'mqtt';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { GatewayBuffer } from '../../../gateway/buffer/buffer.ts';
import { HubLink } from '../../../gateway/publisher/hub-link.ts';
import { BrokerClient } from '../../../hub/broker/broker-client.ts';
import type { GatewayMessage } from '../../../hub/broker/gateway-bus.ts';
import { Sequence } from '../../../hub/ingest/sequence.ts';
import { hasMosquitto, Mosquitto } from '../../services/mosquitto.ts';
import { tempDir } from '../../services/temp-dir.ts';

const wait = { timeout: 20_000, interval: 20 };
const log = pino({ level: 'silent' });
const resolvePath = (path: string) => path;

/** Takes records as ingest does, and commits what it has every few messages. */
class SmallHub {
  readonly bus: BrokerClient;
  readonly received: GatewayMessage[] = [];
  readonly stored: number[] = [];
  readonly sequence = new Sequence(0);
  connections = 0;

  constructor(url: string, more: Partial<ConstructorParameters<typeof BrokerClient>[0]['endpoint']> = {}) {
    this.bus = new BrokerClient({
      endpoint: { url, username: 'hub', resolvePath, ...more },
      onConnected: () => this.connections++,
      log,
    });
    onTestFinished(() => this.bus.stop());
  }

  async start(): Promise<void> {
    await this.bus.start(async (message) => {
      this.received.push(message);
      const { gateway, kind, payload } = message;
      if (kind === 'hello') this.#answer(gateway, (JSON.parse(payload.toString()) as Hello).epoch, false);
      if (kind !== 'data') return;
      const { epoch, seq, prev } = readEnvelope(payload);
      const verdict = this.sequence.judge(seq, prev);
      if (verdict.kind === 'accept') {
        this.stored.push(seq);
        this.sequence.accepted = seq;
        if (seq % 7 === 0) this.sequence.committed = seq;
      }
      this.#answer(gateway, epoch, verdict.kind === 'hole');
    });
  }

  commitAll(gateway: string, epoch: string): void {
    this.sequence.committed = this.sequence.accepted;
    this.#answer(gateway, epoch, false);
  }

  #answer(gateway: string, epoch: string, resend: boolean): void {
    this.bus.answer(gateway, { epoch, seq: this.sequence.committed, resend });
  }
}

describe.skipIf(!hasMosquitto)('at a real broker (needs mosquitto)', () => {
  test('kill -9 of it, again and again, loses and doubles nothing', async () => {
    const dir = await tempDir();
    const broker = await Mosquitto.start(dir);
    onTestFinished(() => broker.kill());
    const hub = new SmallHub(broker.url);
    await hub.start();
    await vi.waitFor(() => expect(hub.bus.fault).toBe(''), wait);
    const buffer = new GatewayBuffer({
      dir: join(dir, 'buffer'),
      config: { commitIntervalMs: 0, segmentMiB: 4, maxMiB: 64, keepCommittedMiB: 0 },
      log,
      now: Date.now,
      onCommit: () => link.notify(),
    });
    const link = new HubLink({
      gateway: 'line-1',
      endpoint: { url: broker.url, password: 'x', resolvePath, mqttVersion: '5' },
      buffer,
      status: () => ({ gateway: 'line-1', online: true }) as GatewayStatus,
      onAcknowledge: async () => '',
      onWrite: async ({ id }) => ({ id, ok: false, old: null, new: null, at: 0, error: '' }),
      log,
      now: Date.now,
    });
    await buffer.open();
    buffer.describeTags([{ id: 1, device: 'press', name: 'oil', type: 'integer', unit: '', description: '' }]);
    await buffer.flush();
    onTestFinished(async () => {
      await link.stop();
      await buffer.close();
    });
    link.start();

    const fill = async (records: number) => {
      for (let i = 0; i < records; i++) {
        const frame = emptyFrame('press', Date.now());
        pushSample(frame, 1, Date.now(), i, 0);
        buffer.addFrame(frame);
        await buffer.flush();
      }
    };
    for (const records of [60, 60]) {
      await fill(records);
      const before = hub.stored.length;
      await vi.waitFor(() => expect(hub.stored.length).toBeGreaterThan(before), wait);
      await broker.kill();
      expect(buffer.newestSeq).toBeGreaterThan(hub.sequence.committed);
      await fill(20);
      await vi.waitFor(() => expect(hub.bus.fault).toMatch(/broker mqtt:.*(closed|refused)/i), wait);
      await broker.restart();
    }
    await vi.waitFor(() => {
      hub.commitAll('line-1', buffer.epoch);
      expect(buffer.committedSeq).toBe(buffer.newestSeq);
    }, wait);
    expect(hub.stored).toEqual(Array.from({ length: buffer.newestSeq }, (_, i) => i + 1));
    expect(hub.connections).toBe(3);
  });

  test('one gateway that is held back holds up no other, and all of it comes in order when it may', async () => {
    const broker = await Mosquitto.start(await tempDir());
    onTestFinished(() => broker.kill());
    const taken: string[] = [];
    const mayGoOn = Promise.withResolvers<void>();
    const answers: number[] = [];
    const bus = new BrokerClient({
      endpoint: { url: broker.url, username: 'hub', resolvePath },
      onConnected: () => undefined,
      onAnswer: (_gateway, { seq }) => answers.push(seq),
      log,
    });
    onTestFinished(() => bus.stop());
    await bus.start(async ({ gateway, payload }) => {
      if (gateway === 'late') await mayGoOn.promise;
      taken.push(`${gateway} ${payload}`);
    });
    await vi.waitFor(() => expect(bus.fault).toBe(''), wait);
    const program = await mqtt.connectAsync(broker.url);
    onTestFinished(() => void program.end(true));
    const send = (gateway: string, from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from + 1 }, (_, i) =>
          program.publishAsync(topicOf(gateway, 'data'), String(from + i), { qos: 1 }),
        ),
      );
    // More than the twenty that Mosquitto lets be under way to one client.
    await send('late', 1, 60);
    const answer = JSON.stringify({ epoch: 'a'.repeat(32), seq: 60, resend: false });
    await program.publishAsync(topicOf('late', 'committed'), answer, { qos: 1 });
    await send('live', 1, 100);
    const of = (gateway: string, count: number) => Array.from({ length: count }, (_, i) => `${gateway} ${i + 1}`);
    await vi.waitFor(() => expect(taken).toEqual(of('live', 100)), wait);
    expect(answers).toEqual([]);
    mayGoOn.resolve();
    await vi.waitFor(() => expect(answers).toEqual([60]), wait);
    expect(taken).toEqual([...of('live', 100), ...of('late', 60)]);
  });

  test('what the broker kept from before is marked as kept', async () => {
    const broker = await Mosquitto.start(await tempDir());
    onTestFinished(() => broker.kill());
    const gateway = await mqtt.connectAsync(broker.url);
    await gateway.publishAsync(topicOf('line-1', 'status'), 'old', { qos: 1, retain: true });
    const hub = new SmallHub(broker.url);
    await hub.start();
    await vi.waitFor(() => expect(hub.received).toMatchObject([{ kind: 'status', retained: true }]), wait);
    await gateway.publishAsync(topicOf('line-1', 'status'), 'new', { qos: 1, retain: true });
    await gateway.endAsync();
    await vi.waitFor(() => expect(hub.received.at(-1)).toMatchObject({ kind: 'status', retained: false }), wait);
  });

  test.each(['3.1.1', '5'] as const)('a wrong password is told as such, over MQTT %s', async (mqttVersion) => {
    const dir = await tempDir();
    const broker = await Mosquitto.start(dir, ['allow_anonymous false']);
    onTestFinished(() => broker.kill());
    const hub = new SmallHub(broker.url, { password: 'wrong', mqttVersion });
    await hub.start();
    await vi.waitFor(
      () => expect(hub.bus.fault).toMatch(/does not let "hub" in; check mqtt.broker.username and .*passwordFile/),
      wait,
    );
  });
});

test('without a broker the hub serves all the same, and says what is wrong', async () => {
  const hub = new SmallHub('mqtt://127.0.0.1:1');
  await hub.start();
  await vi.waitFor(() => expect(hub.bus.fault).toMatch(/mqtt:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/), wait);
});
