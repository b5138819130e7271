/** What edge nodes hear of this host: each word with a time by which they know whether it is the newest. */
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HostStateWord } from '../../../hub/sparkplug/host-state.ts';

let said: unknown[];
let warned: number;
let now: number;
let state: HostStateWord;

beforeEach(() => {
  vi.useFakeTimers();
  [said, warned, now] = [[], 0, 1_000];
  state = new HostStateWord({
    hostId: 'hub',
    publish: (topic, payload) => void said.push([topic, JSON.parse(payload)]),
    log: pino({ level: 'warn' }, { write: () => void warned++ }),
    now: () => now,
  });
});
afterEach(() => vi.useRealTimers());

const TOPIC = 'spBv1.0/STATE/hub';
const word = (online: boolean, timestamp: number) => [TOPIC, { online, timestamp }];
const hear = (online: boolean, timestamp: number) => state.heard(Buffer.from(JSON.stringify({ online, timestamp })));

test('will and birth of a connection have one time, and the next connection a later one', () => {
  expect(state.will()).toEqual({ topic: TOPIC, payload: '{"online":false,"timestamp":1000}' });
  now = 1_500;
  state.online();
  expect(said).toEqual([word(true, 1_000)]);
  state.lost();
  now = 2_000;
  expect(JSON.parse(state.will().payload)).toEqual({ online: false, timestamp: 2_000 });
  state.online();
  state.offline();
  state.offline();
  expect(said.slice(1)).toEqual([word(true, 2_000), word(false, 2_000)]);
});

test('that it is offline, said late by a broker, is answered, though not in a storm', () => {
  state.will();
  state.online();
  vi.advanceTimersByTime(2_000);
  hear(false, 500);
  hear(false, 500);
  hear(true, 1_000);
  state.heard(Buffer.from('OFFLINE'));
  expect(said).toEqual([word(true, 1_000), word(true, 1_000)]);
  expect(warned).toBe(0);
});

test('a later time than its own is told, and the next connection is after it: the clock was set back', () => {
  state.will();
  state.online();
  hear(true, 9_000);
  hear(true, 9_000);
  expect(warned).toBe(1);
  expect(JSON.parse(state.will().payload)).toEqual({ online: false, timestamp: 9_001 });
});
