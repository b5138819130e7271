import { type EventEmitter, once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { GatewayMessage } from '../../../hub/broker/gateway-bus.ts';

const SECRETS: Record<string, string> = { 'line-1': 'correct-horse', 'line-2': 'battery-staple' };
const EPOCH = 'a'.repeat(32);

let broker: EmbeddedBroker;
let received: GatewayMessage[];
let logged: string[];
const clients: MqttClient[] = [];
const sockets: Socket[] = [];

beforeEach(async () => {
  received = [];
  logged = [];
  const credentials = new Credentials();
  for (const [id, secret] of Object.entries(SECRETS)) credentials.set(id, secret);
  const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  broker = new EmbeddedBroker({ host: '127.0.0.1', port: 0, credentials, drainMs: 1_000, log });
  await broker.start(async (message) => void received.push(message));
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.end(true);
  for (const socket of sockets.splice(0)) socket.destroy();
  await broker.stop();
});

function client(gateway: string, options: IClientOptions = {}): MqttClient {
  const made = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
    clientId: gateway,
    username: gateway,
    password: SECRETS[gateway],
    reconnectPeriod: 0,
    ...options,
  });
  made.on('error', () => undefined);
  clients.push(made);
  return made;
}

/** mqtt.js types its emitter in a way that `once` does not know. */
const event = (of: MqttClient, name: string): Promise<unknown[]> => once(of as unknown as EventEmitter, name);

async function connected(gateway: string, options?: IClientOptions): Promise<MqttClient> {
  const made = client(gateway, options);
  await event(made, 'connect');
  return made;
}

/** Subscribes to its commands by hand (MQTT 3.1.1, 3.1 and 3.8) and then reads no more: mqtt.js always reads. */
async function frozenSubscriber(): Promise<Socket> {
  const text = (words: string) => Buffer.concat([Buffer.from([0, words.length]), Buffer.from(words)]);
  const packet = (type: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([type, body.length]), body]);
  };
  const socket = connectTcp(broker.port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  const flags = Buffer.from([4, 0xc2, 0, 0]);
  socket.write(packet(0x10, text('MQTT'), flags, text('line-1'), text('line-1'), text(SECRETS['line-1']!)));
  await once(socket, 'data');
  socket.write(packet(0x82, Buffer.from([0, 1]), text(topicOf('line-1', 'command')), Buffer.from([0])));
  await once(socket, 'data');
  socket.pause();
  return socket;
}

const committed = (seq: number) => ({ epoch: EPOCH, seq, resend: false });

describe('the embedded broker', () => {
  test('takes a gateway’s messages and brings it the hub’s answers', async () => {
    const gateway = await connected('line-1');
    await gateway.subscribeAsync([topicOf('line-1', 'committed'), topicOf('line-1', 'command')], { qos: 1 });
    const heard: string[] = [];
    gateway.on('message', (topic, payload) => heard.push(`${topic} ${payload}`));
    await gateway.publishAsync(topicOf('line-1', 'data'), Buffer.from([0, 255]), { qos: 1 });
    await vi.waitFor(() =>
      expect(received).toEqual([
        { gateway: 'line-1', kind: 'data', payload: Buffer.from([0, 255]), retained: false },
      ]),
    );
    broker.answer('line-1', committed(7));
    broker.answer('line-2', committed(9));
    broker.command('line-1', { id: 'c', type: 'alarm.acknowledge', occurrence: 'o', by: 'b', comment: '', at: 1 });
    await vi.waitFor(() => expect(heard).toHaveLength(2), 15_000);
    expect(heard[0]).toBe(`lineside/v1/line-1/committed {"epoch":"${EPOCH}","seq":7,"resend":false}`);
    expect(heard[1]).toContain('alarm.acknowledge');
  });

  test.each<[who: string, options: IClientOptions]>([
    ['a wrong password', { password: 'wrong-secret-word' }],
    ['the password of another gateway', { password: SECRETS['line-2'] }],
    ['an unknown gateway', { username: 'line-9', password: 'wrong-secret-word' }],
    ['no password', { password: undefined }],
    ['no name', { username: undefined, password: undefined }],
    ['an empty password for an unknown gateway', { username: 'line-9', password: '' }],
  ])('refuses %s, and keeps the password out of the log', async (_who, options) => {
    const refused = client('line-1', { ...options, clientId: 'somebody' });
    const [error] = (await event(refused, 'error')) as [Error & { code: number }];
    expect(error.code).toBe(5);
    await vi.waitFor(() => expect(logged.join('')).toContain('a client was refused'), 15_000);
    expect(logged.join('')).not.toMatch(/wrong-secret|battery|correct-horse/);
  });

  test('refuses a client id that is another gateway’s, whose connection it would take over', async () => {
    const victim = await connected('line-2');
    const thief = client('line-1', { clientId: 'line-2' });
    const [error] = (await event(thief, 'error')) as [Error & { code: number }];
    expect(error.code).toBe(2);
    await victim.publishAsync(topicOf('line-2', 'hello'), '{}', { qos: 1 });
    expect(logged.join('')).toContain('its id is another gateway’s');
  });

  test.each([
    ['another gateway’s data', topicOf('line-2', 'data')],
    ['what only the hub says', topicOf('line-1', 'committed')],
    ['another gateway’s commands', topicOf('line-2', 'command')],
    ['a topic of nobody', 'plant/state'],
    ['the broker’s own', '$SYS/broker/clients'],
  ])('drops a gateway that publishes %s', async (_what, topic) => {
    const other = await connected('line-2');
    await other.subscribeAsync(topicOf('line-2', 'command'));
    const heard = vi.fn();
    other.on('message', heard);
    const gateway = await connected('line-1');
    const closed = event(gateway, 'close');
    gateway.publish(topic, 'x', { qos: 1 }, () => undefined);
    await closed;
    await other.publishAsync(topicOf('line-2', 'hello'), '{}', { qos: 1 });
    await vi.waitFor(() => expect(received).toHaveLength(1), 15_000);
    expect(received[0]).toMatchObject({ gateway: 'line-2', kind: 'hello' });
    expect(heard).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(logged.join('')).toContain(`may not publish to ${topic}`), 15_000);
  });

  test('a will to another’s topic is not published', async () => {
    const gateway = await connected('line-1', {
      will: { topic: topicOf('line-2', 'status'), payload: Buffer.from('{"online":false}'), qos: 1, retain: true },
    });
    gateway.stream.destroy();
    const own = await connected('line-2', {
      will: { topic: topicOf('line-2', 'status'), payload: Buffer.from('own will'), qos: 1, retain: true },
    });
    own.stream.destroy();
    await vi.waitFor(() => expect(received.map(({ payload }) => payload.toString())).toEqual(['own will']), 15_000);
  });

  test.each([
    '#',
    '+/v1/+/command',
    'lineside/v1/+/committed',
    'lineside/v1/line-2/committed',
    'lineside/v1/line-1/#',
    'lineside/v1/line-1/data',
    '$share/g/lineside/v1/line-1/committed',
    '$SYS/#',
  ])('does not grant %s', async (filter) => {
    const gateway = await connected('line-1');
    await expect(gateway.subscribeAsync(filter, { qos: 1 })).rejects.toThrow();
    expect(logged.join('')).toContain('subscription refused');
  });

  test('drops a gateway whose message is larger than any batch, and takes the next', async () => {
    const gateway = await connected('line-1');
    // Dropped as soon as the length is known, in the middle of the message.
    const closed = new Promise<void>((resolve) => gateway.once('close', resolve));
    gateway.publish(topicOf('line-1', 'data'), Buffer.alloc(9 * 1024 * 1024), { qos: 1 }, () => undefined);
    await closed;
    const again = await connected('line-1');
    await again.publishAsync(topicOf('line-1', 'data'), Buffer.alloc(2 * 1024 * 1024), { qos: 1 });
    await vi.waitFor(() => expect(received.map(({ payload }) => payload.length)).toEqual([2 * 1024 * 1024]), 15_000);
    await vi.waitFor(() => expect(logged.join('')).toContain('a packet of more than'), 15_000);
  });

  test('a gateway that comes back under its id takes over, and its old will does not say that it is gone', async () => {
    const status = (word: string) => ({
      topic: topicOf('line-1', 'status'),
      payload: Buffer.from(word),
      qos: 1 as const,
      retain: true,
    });
    const old = await connected('line-1', { will: status('old will') });
    const closed = event(old, 'close');
    const fresh = await connected('line-1', { will: status('new will') });
    await closed;
    await fresh.publishAsync(topicOf('line-1', 'status'), 'online', { qos: 1, retain: true });
    await vi.waitFor(() => expect(received.map(({ payload }) => payload.toString()).at(-1)).toBe('online'), 15_000);
    expect(received.map(({ payload }) => payload.toString())).not.toContain('new will');
  });

  test('a receiver that takes its time holds back, and the order stays', async () => {
    const other = new Credentials();
    other.set('line-1', 'x');
    const slow = new EmbeddedBroker({
      host: '127.0.0.1',
      port: 0,
      credentials: other,
      log: pino({ level: 'silent' }),
    });
    const seen: number[] = [];
    await slow.start(async ({ payload }) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push(Number(payload));
    });
    const gateway = mqtt.connect(`mqtt://127.0.0.1:${slow.port}`, {
      clientId: 'line-1',
      username: 'line-1',
      password: 'x',
    });
    clients.push(gateway);
    await event(gateway, 'connect');
    for (let i = 0; i < 300; i++) gateway.publish(topicOf('line-1', 'data'), String(i), { qos: 1 });
    await vi.waitFor(() => expect(seen).toHaveLength(300), 15_000);
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i));
    gateway.end(true);
    await slow.stop();
    await slow.stop();
  });

  test('a gateway that stops reading is let go, and the others hear the hub on', async () => {
    const healthy = await connected('line-2');
    await healthy.subscribeAsync(topicOf('line-2', 'committed'), { qos: 1 });
    let heard = 0;
    healthy.on('message', () => heard++);
    const frozen = await frozenSubscriber();
    const comment = 'x'.repeat(100_000);
    for (let i = 0; i < 400; i++) {
      broker.command('line-1', { id: `${i}`, type: 'alarm.acknowledge', occurrence: 'o', by: 'b', comment, at: 1 });
      broker.answer('line-2', committed(i));
    }
    await vi.waitFor(() => expect(heard).toBe(400), 15_000);
    // Until it is let go it does not read.
    await vi.waitFor(() => expect(broker.figures.dropped).toBe(1), 15_000);
    const gone = once(frozen, 'close');
    frozen.resume();
    await gone;
  });

  test('a client that says nothing is heard by nobody, and stopping ends it', async () => {
    const socket = connectTcp(broker.port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await once(socket, 'close');
    const silent = connectTcp(broker.port, '127.0.0.1');
    sockets.push(silent);
    await once(silent, 'connect');
    const closed = once(silent, 'close');
    await broker.stop();
    await closed;
    await broker.stop();
    broker.answer('line-1', committed(1));
  });

  test('a taken port is named with the setting that changes it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const second = new EmbeddedBroker({
      ...{ host: '127.0.0.1', port, credentials: new Credentials(), log: pino({ level: 'silent' }) },
    });
    await expect(second.start(async () => undefined)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `port ${port} on 127.0.0.1 is taken by another program; set mqtt.port in the hub's configuration`,
    });
    await second.stop();
    server.close();
  });
});
