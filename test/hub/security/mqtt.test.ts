/** What somebody who has not said who they are can do to the hub's own broker, byte by byte. */
import { connect, type Socket } from 'node:net';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';

/** Ten times as long as a gateway takes to come in on a busy machine. */
const CONNECT_MS = 1_500;
let broker: EmbeddedBroker;
const heard: string[] = [];
const sockets: Socket[] = [];
let gateway: MqttClient | undefined;

beforeAll(async () => {
  const credentials = new Credentials();
  credentials.set('line-1', 'secret');
  const log = pino({ level: 'silent' });
  broker = new EmbeddedBroker({ host: '127.0.0.1', port: 0, credentials, connectMs: CONNECT_MS, log });
  await broker.start(async ({ gateway: from, kind }) => void heard.push(`${from} ${kind}`));
});
afterEach(() => {
  gateway?.end(true);
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => broker.stop());

/** Sends bytes as they are; resolves with what came back when the hub hangs up, and after how long. */
async function raw(bytes: Buffer, more?: (socket: Socket) => void): Promise<{ answer: Buffer; tookMs: number }> {
  const socket = connect(broker.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  const answer: Buffer[] = [];
  socket.on('data', (data: Buffer) => answer.push(data));
  const begin = performance.now();
  socket.write(bytes);
  more?.(socket);
  // Whoever hangs up on what was not read yet resets the connection: an error at this end, and no other than a close.
  await new Promise((resolve) => socket.once('close', resolve));
  return { answer: Buffer.concat(answer), tookMs: performance.now() - begin };
}

async function gatewayComesIn(): Promise<void> {
  heard.length = 0;
  // As a gateway does: on a machine that stands still for a moment it may be let go as well, and comes again.
  const options = { clientId: 'line-1', username: 'line-1', password: 'secret', reconnectPeriod: 50 };
  const coming = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, options);
  gateway = coming;
  coming.on('error', () => undefined);
  await new Promise<void>((resolve) => coming.once('connect', () => resolve()));
  await gateway.publishAsync(topicOf('line-1', 'hello'), '{}', { qos: 1 });
  expect(heard).toEqual(['line-1 hello']);
}

/** CONNECT with its length as it is said (MQTT 3.1.1, 2.2.3 and 3.1), and only the beginning of it. */
function begunConnect(length: number): Buffer {
  const digits: number[] = [];
  let left = length;
  do {
    digits.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([Buffer.from([0x10, ...digits]), Buffer.from([0, 4]), Buffer.from('MQTT')]);
}

test('who sends its CONNECT byte by byte is let go, and a gateway comes in meanwhile', async () => {
  let timer: NodeJS.Timeout | undefined;
  const slow = raw(begunConnect(200), (socket) => {
    timer = setInterval(() => socket.write(Buffer.from([0])), 20);
  });
  await gatewayComesIn();
  const { answer, tookMs } = await slow;
  clearInterval(timer);
  expect(answer.length).toBe(0);
  expect(tookMs).toBeGreaterThanOrEqual(CONNECT_MS - 50);
});

test('who says nothing at all is let go as well', async () => {
  const { tookMs } = await raw(Buffer.alloc(0));
  expect(tookMs).toBeGreaterThanOrEqual(CONNECT_MS - 50);
});

test.each([
  ['a megabyte', 1_048_576],
  ['the longest that MQTT knows', 268_435_455],
])('who says that %s of it follows is let go before any of that comes', async (_what, length) => {
  const { answer, tookMs } = await raw(begunConnect(length));
  expect(answer.length).toBe(0);
  expect(tookMs).toBeLessThan(CONNECT_MS);
  await gatewayComesIn();
});

test('what is no CONNECT opens nothing', async () => {
  const publish = Buffer.concat([Buffer.from([0x30, 12, 0, 7]), Buffer.from('a/topic'), Buffer.from('abc')]);
  heard.length = 0;
  const { answer } = await raw(publish);
  expect(answer.length).toBe(0);
  expect(heard).toEqual([]);
});
