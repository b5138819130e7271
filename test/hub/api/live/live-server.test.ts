import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { resolve } from 'node:path';
import type { AlarmView, LiveValue } from '@lineside/shared/contracts/api.ts';
import type { JobView } from '@lineside/shared/contracts/job.ts';
import { LiveClose, LiveMessage, MAX_SUBSCRIPTIONS, type Subscribe } from '@lineside/shared/contracts/live.ts';
import { Value } from 'typebox/value';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { AndonBoard } from '../../../../hub/andon/board.ts';
import { LiveServer } from '../../../../hub/api/live/live-server.ts';
import type { Viewer } from '../../../../hub/api/live/viewer.ts';
import { noShift } from '../../../../hub/oee/oee.ts';
import { gatewayStatus, testMachine } from '../../../services/hub-world.ts';
import { columns } from '../../../services/samples.ts';

const HAMBURG = 'acme/hamburg/packing/line-1/packer';
const LYON = 'acme/lyon/packing/line-1/packer';
const machines = [
  testMachine({ path: HAMBURG, gateway: 'h', device: 'packer' }),
  testMachine({ path: LYON, gateway: 'l', device: 'packer' }),
];
const equipment = [{ path: 'acme', parent: null, level: 'enterprise' as const, name: 'Acme', settings: {} }];
const everything: Viewer = { name: 'anna', sites: null, endsAt: null, may: () => true, stillHere: async () => true };

let board: AndonBoard;
let live: LiveServer;
let server: WebSocketServer;
/** By the path that they connect to. */
const viewers: Viewer[] = [];
let openAlarms: AlarmView[];
const sockets: WebSocket[] = [];

/** Tags 1 to 3 are Hamburg's, 11 and 12 Lyon's, 20 is of a device that is no machine's. */
const tag = (id: number, gateway: string, name: string, device = 'packer') => {
  return { id, gateway, device, name, type: 'float64' as const, unit: 'Cel', description: '' };
};

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket, { url }) => {
    const client = live.enter(socket, viewers[Number(url!.slice(1))] ?? everything);
    socket.on('message', (data) => live.receive(client, String(data)));
    socket.on('close', () => live.leave(client));
  });
  await once(server, 'listening');
});
afterAll(() => void server.close());
beforeEach(() => {
  board = new AndonBoard({
    machines,
    meaningOf: (_machine, code) => ({ name: code === 6 ? 'Execute' : 'Stopped', category: 'producing' }),
    emptyOee: (_machine, at) => noShift(at, ''),
    now: Date.now,
  });
  const hamburg = [tag(1, 'h', 'speed'), tag(2, 'h', 'oil.temperature'), tag(3, 'h', 'state'), tag(9, 'h', '$link')];
  board.catalog.add([...hamburg, tag(11, 'l', 'speed'), tag(12, 'l', 'oil.temperature'), tag(20, 'h', 'x', 'scale')]);
  openAlarms = [];
  const alarms = { open: () => openAlarms } as unknown as ConstructorParameters<typeof LiveServer>[0]['alarms'];
  live = new LiveServer({ board, alarms, enterprise: 'Acme', equipment, machines, now: Date.now });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
  live.stop();
});

type Heard<T extends LiveMessage['type']> = Extract<LiveMessage, { type: T }>;

class Client {
  readonly heard: LiveMessage[] = [];
  readonly socket: WebSocket;

  constructor(as: Viewer = everything) {
    const path = viewers.push(as) - 1;
    this.socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`);
    sockets.push(this.socket);
    this.socket.on('message', (data) => this.heard.push(JSON.parse(String(data)) as LiveMessage));
  }

  async greeted(): Promise<this> {
    await this.next('hello');
    return this;
  }

  subscribe(wanted: Partial<Subscribe> & Pick<Subscribe, 'kinds'>): this {
    this.socket.send(JSON.stringify({ type: 'subscribe', id: 's', maxRate: 20, ...wanted }));
    return this;
  }

  all<T extends LiveMessage['type']>(type: T): Heard<T>[] {
    return this.heard.filter((message): message is Heard<T> => message.type === type);
  }

  /** The message of a type that comes as number `n` from the first, also when it is here already. */
  async next<T extends LiveMessage['type']>(type: T, n = 1): Promise<Heard<T>> {
    await vi.waitFor(() => expect(this.all(type).length).toBeGreaterThanOrEqual(n), 15_000);
    return this.all(type)[n - 1]!;
  }

  get values(): LiveValue[] {
    return this.all('values').flatMap(({ values }) => values as LiveValue[]);
  }
}

const connect = (as?: Viewer) => new Client(as).greeted();
const alarmOf = (machine: string, occurrence: string, more = {}) =>
  ({ occurrence, machine, gateway: machine === LYON ? 'l' : 'h', device: 'packer', ...more }) as AlarmView;
const occurrences = (client: Client) => client.all('alarm').map(({ alarm }) => alarm.occurrence);

describe('patterns', () => {
  test('mean tags by their paths, say which, and bring their present and new values', async () => {
    board.observe(columns([1, 10, 1.5], [11, 10, 2.5], [12, 10, 3.5]));
    const client = (await connect()).subscribe({ kinds: ['values'], paths: ['acme/*/**/speed', '**/lyon/**/oil/*'] });
    expect(await client.next('subscribed')).toMatchObject({ id: 's', tags: 3, resumed: false });
    expect((await client.next('tags')).tags).toEqual([
      { tag: 1, path: `${HAMBURG}/speed`, type: 'float64', unit: 'Cel' },
      { tag: 12, path: `${LYON}/oil/temperature`, type: 'float64', unit: 'Cel' },
      { tag: 11, path: `${LYON}/speed`, type: 'float64', unit: 'Cel' },
    ]);
    await client.next('values');
    board.observe(columns([1, 20, 7], [2, 20, 8], [12, 20, 9]));
    await client.next('values', 2);
    expect(client.values.map(([id, at]) => `${id} ${at}`).sort()).toEqual([
      '1 10',
      '1 20',
      '11 10',
      '12 10',
      '12 20',
    ]);
    for (const message of client.heard) expect(Value.Errors(LiveMessage, message)).toEqual([]);
  });

  test('also mean tags that come later, and never those of the gateways themselves', async () => {
    const client = (await connect()).subscribe({ kinds: ['values'], paths: ['acme/hamburg/**'] });
    await client.next('tags');
    board.catalog.add([tag(30, 'h', 'new'), tag(31, 'l', 'new'), tag(32, 'h', '$new')]);
    expect((await client.next('tags', 2)).tags).toEqual([
      { tag: 30, path: `${HAMBURG}/new`, type: 'float64', unit: 'Cel' },
    ]);
    board.observe(columns([30, 1, 5], [31, 1, 5], [32, 1, 5], [9, 1, 1]));
    expect((await client.next('values')).values).toEqual([[30, 1, 5, 0]]);
  });

  test('are gathered: who wants the same gets the same message, made once', async () => {
    const wanted = { kinds: ['values'] as Subscribe['kinds'], paths: ['acme/hamburg/**'] };
    const clients = await Promise.all([1, 2, 3].map(() => connect()));
    for (const client of clients) await client.subscribe(wanted).next('subscribed');
    expect(live.figures).toMatchObject({ clients: 3, subscriptions: 3, groups: 1 });
    await clients[0]!.subscribe({ ...wanted, maxRate: 5 }).next('subscribed', 2);
    expect(live.figures.groups).toBe(2);
    for (const { socket } of clients) socket.terminate();
    await vi.waitFor(() => expect(live.figures).toMatchObject({ clients: 0, groups: 0 }), 15_000);
    expect(board.watched.has(1)).toBe(false);
  });

  test.each([
    ['PATTERN_INVALID', { kinds: ['values'], paths: ['acme//x'] }],
    ['TAG_NOT_FOUND', { kinds: ['values'], tags: [77] }],
  ] as [string, Partial<Subscribe> & Pick<Subscribe, 'kinds'>][])(
    'and what cannot be is refused with %s, while the rest goes on',
    async (code, wanted) => {
      const client = (await connect()).subscribe({ id: 'good', kinds: ['alarms'], paths: ['**'] });
      expect(await client.subscribe(wanted).next('error')).toMatchObject({ id: 's', code });
      board.emit('alarm', alarmOf(HAMBURG, 'a'));
      await client.next('alarm');
    },
  );
});

describe('events', () => {
  test('of states, alarms and jobs come to those whose patterns mean their place', async () => {
    const all = (await connect()).subscribe({ kinds: ['states', 'alarms', 'jobs'], paths: ['**'] });
    const lyon = (await connect()).subscribe({ kinds: ['states', 'alarms', 'jobs'], paths: ['acme/lyon/**'] });
    await Promise.all([all.next('subscribed'), lyon.next('subscribed')]);
    board.report({ ...gatewayStatus(), gateway: 'h' });
    board.seen('h', 'packer', Date.now());
    board.observe(columns([3, Date.now(), 6]));
    board.refresh();
    board.emit('alarm', alarmOf(HAMBURG, 'a'));
    const job = { id: 'j', machine: HAMBURG, gateway: 'h', state: 'running', at: 1, changedAt: 1 } as JobView;
    board.jobs.tell(job);
    board.emit('alarm', alarmOf(LYON, 'b'));
    expect(await all.next('state')).toMatchObject({ path: HAMBURG, state: { name: 'Execute' } });
    expect((await all.next('job')).job).toEqual(job);
    await all.next('alarm', 2);
    await lyon.next('alarm');
    expect(occurrences(lyon)).toEqual(['b']);
    expect(lyon.all('job').length + lyon.all('state').length).toBe(0);
    const ids = all.heard.flatMap((message) => ('alarm' in message || 'job' in message ? [message.event] : []));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('that a client has missed follow when it resumes, in order, once, and no snapshot', async () => {
    const first = (await connect()).subscribe({ kinds: ['alarms'], paths: ['acme/lyon/**'] });
    await first.next('snapshot');
    board.emit('alarm', alarmOf(LYON, 'a'));
    const { event } = await first.next('alarm');
    first.socket.terminate();
    for (const name of ['b', 'c']) board.emit('alarm', alarmOf(LYON, name));
    board.emit('alarm', alarmOf(HAMBURG, 'not asked for'));
    const second = (await connect()).subscribe({ kinds: ['alarms'], paths: ['acme/lyon/**'], after: event });
    expect(await second.next('subscribed')).toMatchObject({ resumed: true });
    await second.next('alarm', 2);
    board.emit('alarm', alarmOf(LYON, 'd'));
    await second.next('alarm', 3);
    expect(occurrences(second)).toEqual(['b', 'c', 'd']);
    expect(second.all('snapshot')).toEqual([]);
  });

  test.each(['anotherrun.5', 'x', ''])(
    'after "%s", which nobody knows, the client is told to read anew',
    async (after) => {
      openAlarms = [alarmOf(LYON, 'open'), alarmOf(HAMBURG, 'elsewhere')];
      const client = (await connect()).subscribe({ kinds: ['alarms'], paths: ['acme/lyon/**'], after });
      expect(await client.next('subscribed')).toMatchObject({ resumed: false });
      expect((await client.next('snapshot')).alarms).toMatchObject([{ occurrence: 'open' }]);
    },
  );

  test('are forgotten at last: who was away for too long reads anew', async () => {
    const client = await connect();
    const { event } = await client.next('hello');
    const alarm = alarmOf(LYON, 'a', { message: 'x'.repeat(1_000_000) });
    for (let i = 0; i < 15; i++) board.emit('alarm', alarm);
    client.subscribe({ id: 'soon', kinds: ['alarms'], paths: ['acme/hamburg/**'], after: event });
    expect(await client.next('subscribed')).toMatchObject({ resumed: true });
    for (let i = 0; i < 15; i++) board.emit('alarm', alarm);
    client.subscribe({ id: 'late', kinds: ['alarms'], paths: ['acme/hamburg/**'], after: event });
    expect(await client.next('subscribed', 2)).toMatchObject({ resumed: false });
  });
});

describe('a slow client', () => {
  test('gets the newest value of each tag when it takes again, and every alarm', async () => {
    const client = (await connect()).subscribe({ kinds: ['values', 'alarms'], paths: ['**'], maxRate: 20 });
    await client.next('snapshot');
    const tcp = (client.socket as unknown as { _socket: Socket })._socket;
    tcp.pause();
    const alarm = alarmOf(LYON, 'a', { message: 'x'.repeat(400_000) });
    let alarms = 0;
    while (live.figures.slow === 0) {
      board.emit('alarm', alarm);
      alarms++;
      board.observe(columns([1, alarms, alarms]));
      live.sayTime();
      await new Promise(setImmediate);
    }
    for (let at = 1_000; at < 5_000; at++) board.observe(columns([1, at, at], [11, at, -at]));
    await new Promise((resolve) => setTimeout(resolve, 120));
    const before = live.figures.messages;
    for (let at = 5_000; at < 6_000; at++) board.observe(columns([1, at, at]));
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(live.figures.messages).toBe(before);
    tcp.resume();
    await vi.waitFor(() => expect(client.values).toContainEqual([1, 5_999, 5_999, 0]), 15_000);
    expect(client.values).toContainEqual([11, 4_999, -4_999, 0]);
    expect(client.values.filter(([, at]) => at >= 1_000)).toHaveLength(2);
    await vi.waitFor(() => expect(client.all('alarm')).toHaveLength(alarms), 15_000);
  });
});

describe('rights', () => {
  const lyonOnly: Viewer = { ...everything, sites: ['acme/lyon'] };

  test('by site: what lies in other sites is not there', async () => {
    openAlarms = [alarmOf(LYON, 'mine'), alarmOf(HAMBURG, 'theirs')];
    board.observe(columns([1, 10, 1], [11, 10, 2], [20, 10, 3]));
    const client = (await connect(lyonOnly)).subscribe({
      kinds: ['values', 'machines', 'gateways', 'states', 'alarms', 'jobs'],
      paths: ['**', 'acme/hamburg/**', HAMBURG, 'acme/_devices/**'],
    });
    expect((await client.next('tags')).tags.map(({ tag: id }) => id)).toEqual([12, 11]);
    const { machines: seen, gateways, alarms } = await client.next('snapshot');
    expect(seen!.map(({ path }) => path)).toEqual([LYON]);
    expect([alarms!.length, alarms![0]!.occurrence]).toEqual([1, 'mine']);
    expect(gateways).toEqual([]);
    client.subscribe({ id: 'direct', kinds: ['values'], tags: [1] });
    expect(await client.next('error')).toMatchObject({ id: 'direct', code: 'TAG_NOT_FOUND' });
    board.observe(columns([1, 20, 5], [20, 20, 5]));
    for (const gateway of ['h', 'l']) board.report({ ...gatewayStatus(), gateway });
    board.refresh();
    board.emit('alarm', alarmOf(HAMBURG, 'theirs'));
    board.jobs.tell({ id: 'j', machine: '', gateway: 'h', state: 'running' } as JobView);
    board.jobs.tell({ id: 'k', machine: '', gateway: '', state: 'running' } as JobView);
    board.observe(columns([11, 30, 6]));
    await vi.waitFor(() => expect(client.values).toContainEqual([11, 30, 6, 0]), 15_000);
    expect(client.all('alarm').length + client.all('job').length).toBe(0);
    expect(client.all('gateway').map(({ gateway }) => gateway.id)).toEqual(['l']);
    expect(JSON.stringify(client.heard)).not.toContain('hamburg');
  });

  test('those who see other sites share no message', async () => {
    const [one, other] = await Promise.all([connect(lyonOnly), connect()]);
    await one.subscribe({ kinds: ['values'], paths: ['**'] }).next('subscribed');
    await other.subscribe({ kinds: ['values'], paths: ['**'] }).next('subscribed');
    expect(live.figures.groups).toBe(2);
  });

  test('by kind', async () => {
    const client = await connect({ ...everything, may: (kind) => kind !== 'jobs' });
    client.subscribe({ kinds: ['alarms', 'jobs'], paths: ['**'] });
    expect(await client.next('error')).toMatchObject({ code: 'NOT_ALLOWED' });
    board.emit('alarm', alarmOf(LYON, 'a'));
    client.subscribe({ kinds: ['alarms'], paths: ['**'] });
    await client.next('snapshot');
    expect(client.all('alarm')).toEqual([]);
  });
});

describe('bounds', () => {
  test.each([
    ['no JSON', 'hello'],
    ['another type', '{"type":"publish","tags":[]}'],
    ['tags that are none', '{"type":"subscribe","id":"a","kinds":["values"],"tags":["speed"]}'],
    ['a rate beyond reason', '{"type":"subscribe","id":"a","kinds":["values"],"maxRate":1000}'],
    ['an unknown kind', '{"type":"subscribe","id":"a","kinds":["passwords"]}'],
    ['a field too many', '{"type":"subscribe","id":"a","kinds":["values"],"admin":true}'],
    [
      'too many patterns',
      JSON.stringify({ type: 'subscribe', id: 'a', kinds: ['values'], paths: Array(65).fill('*') }),
    ],
    ['a list', '[]'],
  ])('the socket is closed when the client says %s', async (_what, text) => {
    const { socket } = await connect();
    const closed = once(socket, 'close');
    socket.send(text);
    expect((await closed)[0]).toBe(LiveClose.notUnderstood);
  });

  test('a flood of subscriptions ends the client, and the hub keeps nothing of it', async () => {
    const client = await connect();
    const closed = once(client.socket, 'close');
    for (let i = 0; i < 500; i++) client.subscribe({ id: `s${i}`, kinds: ['values'], paths: ['**'] });
    expect((await closed)[0]).toBe(LiveClose.flood);
    expect(client.all('subscribed')).toHaveLength(MAX_SUBSCRIPTIONS);
    expect(client.all('error')[0]).toMatchObject({ code: 'TOO_MANY_SUBSCRIPTIONS' });
    await vi.waitFor(() => expect(live.figures).toMatchObject({ clients: 0, subscriptions: 0, groups: 0 }), 15_000);
    expect(live.figures.dropped).toEqual({ [LiveClose.flood]: 1 });
  });

  test('all its tags together have a limit; what is there in place of another does not count twice', async () => {
    board.catalog.add(Array.from({ length: 6_000 }, (_, i) => tag(1_000 + i, 'l', `many.t${i}`)));
    const client = await connect();
    client.subscribe({ id: 'a', kinds: ['values'], paths: [`${LYON}/many/**`], describe: false });
    expect(await client.next('subscribed')).toMatchObject({ tags: 6_000 });
    client.subscribe({ id: 'a', kinds: ['values'], paths: [`${LYON}/**`], describe: false });
    expect(await client.next('subscribed', 2)).toMatchObject({ tags: 6_002 });
    client.subscribe({ id: 'b', kinds: ['values'], paths: [`${LYON}/many/**`], describe: false });
    expect(await client.next('error')).toMatchObject({ id: 'b', code: 'TOO_MANY_TAGS' });
  });

  test('what was subscribed to ends when it is unsubscribed from', async () => {
    const client = (await connect()).subscribe({ kinds: ['values'], tags: [1] });
    await client.next('subscribed');
    client.socket.send('{"type":"unsubscribe","id":"s"}');
    await vi.waitFor(() => expect(live.figures.subscriptions).toBe(0), 15_000);
    expect(board.watched.has(1)).toBe(false);
  });
});

describe('the client of docs/live.md', () => {
  test('shows what comes, and resumes where it was when its socket is cut', async () => {
    board.observe(columns([1, 10, 1.5]));
    const headers: unknown[] = [];
    const cuts: WebSocket[] = [];
    const note = (socket: WebSocket, request: IncomingMessage) => {
      headers.push(request.headers.authorization);
      cuts.push(socket);
    };
    server.on('connection', note);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const example = resolve(import.meta.dirname, '../../../../docs/examples/live-client.mjs');
    const child = spawn(process.execPath, [example, 'acme/hamburg/**'], {
      env: { ...process.env, LINESIDE_URL: url, LINESIDE_KEY: 'key of a program' },
    });
    let out = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    try {
      const shows = (text: string) => vi.waitFor(() => expect(out).toContain(text), 15_000);
      await shows(`value\t${HAMBURG}/speed\t1.5\tCel\tGood`);
      board.emit('alarm', alarmOf(HAMBURG, 'a', { message: 'first', state: 'unacknowledged' }));
      await shows(`alarm\t${HAMBURG}\tfirst\tunacknowledged`);
      cuts.at(-1)!.terminate();
      await vi.waitFor(() => expect(live.figures.clients).toBe(0), 15_000);
      board.emit('alarm', alarmOf(HAMBURG, 'b', { message: 'missed', state: 'unacknowledged' }));
      await shows(`alarm\t${HAMBURG}\tmissed\tunacknowledged`);
      expect(out.match(/first/g)).toHaveLength(1);
      expect(headers).toEqual(['Bearer key of a program', 'Bearer key of a program']);
    } finally {
      server.off('connection', note);
      child.kill();
    }
  });
});
