import { type LiveMessage, Subscribe } from '@lineside/shared/contracts/live.ts';
import { Value } from 'typebox/value';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type LinkState, LiveSocket, type SocketLike } from '../../../hub/web/src/live/live-socket.ts';

class FakeSocket implements SocketLike {
  readyState = 1;
  onmessage: SocketLike['onmessage'] = null;
  onclose: SocketLike['onclose'] = null;
  readonly sent: string[] = [];
  closed = false;

  send(data: string): void {
    this.sent.push(data);
  }

  close(): void {
    this.closed = true;
  }

  say(message: LiveMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const TIME: LiveMessage = { type: 'time', serverTime: 1, event: 'run.0' };

function setUp(probe: () => 'ok' | 'signed-out' | 'unreachable') {
  const sockets: FakeSocket[] = [];
  const states: LinkState[] = [];
  const messages: LiveMessage[] = [];
  const live = new LiveSocket({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    probe: async () => probe(),
    onMessage: (message) => messages.push(message),
    onState: (state) => states.push(state),
    random: () => 1,
  });
  return { live, sockets, states, messages, words: () => states.map((state) => state.status) };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('is live with the first message, and sends what was subscribed before', () => {
  const { live, sockets, words } = setUp(() => 'ok');
  live.start();
  sockets[0]!.readyState = 0;
  live.subscribe([3, 4], 10);
  expect(sockets[0]!.sent).toEqual([]);
  sockets[0]!.readyState = 1;
  sockets[0]!.say(TIME);
  expect(words()).toEqual(['connecting', 'live']);
  expect(sockets[0]!.sent.map((text) => JSON.parse(text))).toMatchObject([
    { type: 'subscribe', id: 'plant', kinds: ['machines', 'gateways', 'alarms'], paths: ['**'] },
    { type: 'subscribe', id: 'values', kinds: ['values'], tags: [3, 4], maxRate: 10 },
  ]);
  for (const text of sockets[0]!.sent) expect(Value.Errors(Subscribe, JSON.parse(text))).toEqual([]);
  live.stop();
});

test('a lost socket is opened again later and later, and subscribes again', async () => {
  const { live, sockets, words } = setUp(() => 'ok');
  live.start();
  live.subscribe([1], 5);
  sockets[0]!.say(TIME);
  sockets[0]!.onclose?.({ code: 1006 });
  await vi.advanceTimersByTimeAsync(499);
  expect(sockets).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(sockets).toHaveLength(2);
  sockets[1]!.onclose?.({ code: 1006 });
  await vi.advanceTimersByTimeAsync(999);
  expect(sockets).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(sockets).toHaveLength(3);
  sockets[2]!.say(TIME);
  expect(words()).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  expect(sockets[2]!.sent).toHaveLength(2);
  live.stop();
});

test('a hub that answers nothing is not reachable since the loss, not since the last try', async () => {
  const { live, sockets, states, words } = setUp(() => 'unreachable');
  live.start();
  sockets[0]!.say(TIME);
  const lostAt = Date.now();
  sockets[0]!.onclose?.({ code: 1006 });
  for (let i = 1; i < 4; i++) {
    await vi.advanceTimersByTimeAsync(15_000);
    sockets.at(-1)!.onclose?.({ code: 1006 });
  }
  await vi.advanceTimersByTimeAsync(0);
  expect(words()).toEqual(['connecting', 'live', 'reconnecting', 'unreachable']);
  expect(states.at(-1)!.since).toBe(lostAt);
  live.stop();
});

test('a socket that falls silent without closing is given up', async () => {
  const { live, sockets, words } = setUp(() => 'ok');
  live.start();
  sockets[0]!.say(TIME);
  await vi.advanceTimersByTimeAsync(14_000);
  sockets[0]!.say(TIME);
  await vi.advanceTimersByTimeAsync(14_000);
  expect(words().at(-1)).toBe('live');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(words().at(-1)).toBe('reconnecting');
  expect(sockets[0]!.closed).toBe(true);
  live.stop();
});

test('ends when the session is over, and does not knock again', async () => {
  const { live, sockets, words } = setUp(() => 'signed-out');
  live.start();
  sockets[0]!.say(TIME);
  sockets[0]!.onclose?.({ code: 1008 });
  await vi.advanceTimersByTimeAsync(120_000);
  expect(words().at(-1)).toBe('ended');
  expect(sockets).toHaveLength(1);
});

test('what is no message is passed over', () => {
  const { live, sockets, messages } = setUp(() => 'ok');
  live.start();
  sockets[0]!.onmessage?.({ data: '{' });
  sockets[0]!.onmessage?.({ data: 'null' });
  sockets[0]!.say(TIME);
  expect(messages).toEqual([TIME]);
  live.stop();
});
