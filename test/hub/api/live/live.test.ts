import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import type { AlarmView, LiveValue } from '@lineside/shared/contracts/api.ts';
import { LiveClose, LiveHello, type LiveMessage } from '@lineside/shared/contracts/live.ts';
import { Value } from 'typebox/value';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { columns } from '../../../services/samples.ts';
import { startTestHub, type TestHub } from '../../../services/test-hub.ts';

let hub: TestHub;
let cookie: string;
const sockets: WebSocket[] = [];

beforeAll(async () => {
  hub = await startTestHub();
  cookie = await hub.signIn();
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add([1, 2, 3].map((id) => ({ ...tag, id, name: ['', 'speed', 'state', 'other'][id]! })));
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
});
afterAll(() => hub.close());

function open(headers: Record<string, string> = {}): WebSocket {
  const socket = new WebSocket(`${hub.url.replace('http', 'ws')}/api/v1/live`, { headers });
  sockets.push(socket);
  return socket;
}

/** A client that has been greeted. */
async function watch(): Promise<{ socket: WebSocket; heard: LiveMessage[] }> {
  const socket = open({ cookie });
  const heard: LiveMessage[] = [];
  socket.on('message', (data) => heard.push(JSON.parse(String(data)) as LiveMessage));
  await vi.waitFor(() => expect(heard).not.toEqual([]), 15_000);
  return { socket, heard };
}

const subscribe = (tags: number[], maxRate = 20) =>
  JSON.stringify({ type: 'subscribe', id: 'values', kinds: ['values'], tags, maxRate });
const valuesOf = (heard: LiveMessage[]): LiveValue[][] =>
  heard.flatMap((message) => (message.type === 'values' ? [message.values] : []));

async function refused(headers: Record<string, string>): Promise<number | undefined> {
  const socket = open(headers);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }];
  return response.statusCode;
}

describe('the live socket', () => {
  test('lets nobody in without a session, nor from another site’s page', async () => {
    expect(await refused({})).toBe(401);
    expect(await refused({ cookie: 'lineside_session=nonsense' })).toBe(401);
    expect(await refused({ cookie, origin: 'https://evil.example' })).toBe(403);
    const own = open({ cookie, origin: hub.url });
    await once(own, 'open');
  });

  test('is described by the hub itself', async () => {
    const response = await fetch(`${hub.url}/api/asyncapi.json`);
    expect(await response.json()).toMatchObject({
      asyncapi: '3.0.0',
      channels: { live: { address: '/api/v1/live' } },
    });
  });

  test('begins with a greeting', async () => {
    const { heard } = await watch();
    expect(Value.Errors(LiveHello, heard[0])).toEqual([]);
    expect(heard[0]).toMatchObject({ user: 'admin', enterprise: 'Acme' });
  });

  test('sends the present and then the new values of the tags asked for, and of no others', async () => {
    hub.board.observe(columns([1, 10, 1], [3, 10, 3]));
    const { socket, heard } = await watch();
    socket.send(subscribe([1, 2]));
    await vi.waitFor(() => expect(valuesOf(heard)).toEqual([[[1, 10, 1, 0]]]), 15_000);
    hub.board.observe(columns([1, 20, 2], [2, 20, 6], [3, 20, 4]));
    await vi.waitFor(() =>
      expect(valuesOf(heard)[1]).toEqual([
        [1, 20, 2, 0],
        [2, 20, 6, 0],
      ]),
    );
    socket.send(subscribe([3]));
    await vi.waitFor(() => expect(valuesOf(heard)[2]).toEqual([[3, 20, 4, 0]]), 15_000);
    hub.board.observe(columns([1, 30, 9], [3, 30, 5]));
    await vi.waitFor(() => expect(valuesOf(heard)[3]).toEqual([[3, 30, 5, 0]]), 15_000);
  });

  test('sends no more often than asked for, and of each tag the newest', async () => {
    const { socket, heard } = await watch();
    socket.send(subscribe([1], 4));
    const begin = performance.now();
    let at = 1_000;
    const ticker = setInterval(() => hub.board.observe(columns([1, ++at, at])), 5);
    await vi.waitFor(() => expect(valuesOf(heard).length).toBeGreaterThanOrEqual(4), 15_000);
    clearInterval(ticker);
    const last = at;
    await vi.waitFor(() => expect(valuesOf(heard).at(-1)).toEqual([[1, last, last, 0]]), 15_000);
    const took = performance.now() - begin;
    expect(valuesOf(heard).length).toBeLessThanOrEqual(took / 250 + 2);
    expect(valuesOf(heard).every((values) => values.length === 1)).toBe(true);
  });

  test('ends when the client sends more than a subscription can be', async () => {
    const { socket } = await watch();
    const closed = once(socket, 'close');
    socket.send('x'.repeat(70_000));
    expect((await closed)[0]).toBe(1009);
  });

  test('lets a client go that takes nothing, while the others hear on', async () => {
    const [{ socket }, { socket: other, heard }] = await Promise.all([watch(), watch()]);
    for (const each of [socket, other]) {
      each.send(JSON.stringify({ type: 'subscribe', id: 'all', kinds: ['alarms'], paths: ['**'] }));
    }
    await vi.waitFor(() => expect(heard.map(({ type }) => type)).toContain('snapshot'), 15_000);
    const tcp = (socket as unknown as { _socket: Socket })._socket;
    tcp.pause();
    const alarm = { occurrence: 'o', machine: 'acme/site', message: 'x'.repeat(200_000) } as AlarmView;
    for (let i = 0; i < 150; i++) {
      hub.board.emit('alarm', alarm);
      await new Promise(setImmediate);
    }
    await vi.waitFor(() => expect(heard.filter(({ type }) => type === 'alarm')).toHaveLength(150), 15_000);
    const closed = once(socket, 'close');
    tcp.resume();
    expect((await closed)[0]).toBe(LiveClose.resume);
  });

  test('a client that has gone is watched for no longer', async () => {
    const { socket, heard } = await watch();
    socket.send(subscribe([2]));
    await vi.waitFor(() => expect(valuesOf(heard)).not.toEqual([]), 15_000);
    const told = vi.fn();
    hub.board.on('values', told);
    socket.terminate();
    await vi.waitFor(() => expect(hub.board.watched.has(2)).toBe(false), 15_000);
    hub.board.observe(columns([2, 99, 1]));
    expect(told).not.toHaveBeenCalled();
  });

  test('a refused upgrade does not keep its connection', async () => {
    const socket = connectTcp(Number(new URL(hub.url).port), '127.0.0.1');
    await once(socket, 'connect');
    const head = 'GET /api/v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
    socket.write(`${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });

  test('a hub that stops says so, and waits for nobody who does not answer', async () => {
    const [socket, frozen] = [open({ cookie }), open({ cookie })];
    await Promise.all([once(socket, 'open'), once(frozen, 'open')]);
    (frozen as unknown as { _socket: Socket })._socket.pause();
    const closed = once(socket, 'close');
    const begin = performance.now();
    await hub.app.close();
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect((await closed)[0]).toBe(LiveClose.stopping);
  });
});
