/** Who comes in at the live socket by what, what of the plant that opens, and how soon it is over when it is over. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ApiKeyWithSecret, NewApiKey, UserAccount } from '@lineside/shared/contracts/accounts.ts';
import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { LiveClose, type LiveMessage, type Subscribe } from '@lineside/shared/contracts/live.ts';
import type { Role } from '@lineside/shared/contracts/permissions.ts';
import { type CryptoKey, decodeJwt, decodeProtectedHeader, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { actorNamed, testMachine } from '../../../services/hub-world.ts';
import { columns } from '../../../services/samples.ts';
import { startTestHub, type TestHub } from '../../../services/test-hub.ts';

const OTHER = testMachine({ path: 'acme/other/area/line/press', name: 'Press', gateway: 'line-2', device: 'press' });
const HERE = 'acme/site/area/line/packer';
const ADMIN = actorNamed('admin');
const PATIENT = { timeout: 15_000, interval: 10 };
/** What is done at this hub is noticed at once; a second is for a machine that is busy. Milliseconds. */
const AT_ONCE_MS = 1_000;

let hub: TestHub;
const sockets: WebSocket[] = [];

beforeAll(async () => {
  hub = await startTestHub({ machines: [testMachine(), OTHER] });
  const tag = { unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add([
    { ...tag, id: 1, gateway: 'line-1', device: 'packer', name: 'speed' },
    { ...tag, id: 2, gateway: 'line-2', device: 'press', name: 'force' },
  ]);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
});
afterAll(() => hub.close());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function open(headers: Record<string, string>): WebSocket {
  const socket = new WebSocket(`${hub.url.replace('http', 'ws')}/api/v1/live`, { headers });
  sockets.push(socket);
  return socket;
}

/** A client that has been greeted. */
async function enter(headers: Record<string, string>) {
  const socket = open(headers);
  const heard: LiveMessage[] = [];
  socket.on('message', (data) => heard.push(JSON.parse(String(data)) as LiveMessage));
  const closed = once(socket, 'close').then(([code]) => ({ code: code as number, at: performance.now() }));
  await vi.waitFor(() => expect(heard[0]?.type).toBe('hello'), PATIENT);
  const next = async <T extends LiveMessage['type']>(type: T) => {
    await vi.waitFor(() => expect(heard.map((message) => message.type)).toContain(type), PATIENT);
    return heard.find((message) => message.type === type) as Extract<LiveMessage, { type: T }>;
  };
  const subscribe = (wanted: Partial<Subscribe>) =>
    socket.send(JSON.stringify({ type: 'subscribe', id: 's', maxRate: 20, ...wanted }));
  return { socket, heard, closed, next, subscribe };
}

async function refused(headers: Record<string, string>): Promise<number | undefined> {
  const socket = open(headers);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }];
  return response.statusCode;
}

let made = 0;
function makeKey(more: Partial<NewApiKey> = {}): Promise<ApiKeyWithSecret> {
  const key = { name: `key ${++made}`, scopes: ['plant.read', 'tags.read'], sites: null, expiresAt: null, ...more };
  return hub.access.keys.create(ADMIN, key as NewApiKey);
}

/** A user with an access token. */
async function makeClient(role: Role = 'engineer'): Promise<{ user: UserAccount; token: string; refresh: string }> {
  const wanted = { name: `user-${++made}`, fullName: '', role, sites: null };
  const { user } = await hub.access.users.create(ADMIN, wanted);
  await hub.stores.db
    .updateTable('users')
    .set({ must_change_password: false })
    .where('name', '=', user.name)
    .execute();
  const { accessToken, refreshToken } = await hub.access.tokens.issue(user.name, '', 'test');
  return { user, token: accessToken, refresh: refreshToken };
}

describe('at the live socket', () => {
  test('a key brings what its scopes and sites say, and nothing else is there', async () => {
    const { secret } = await makeKey({ sites: ['acme/site'] });
    const client = await enter(bearer(secret));
    expect(client.heard[0]).toMatchObject({ sites: ['acme/site'], user: expect.stringMatching(/^key:key /) });
    client.subscribe({ kinds: ['values', 'machines'], paths: ['**'] });
    expect(await client.next('tags')).toMatchObject({ tags: [{ tag: 1, path: `${HERE}/speed` }] });
    expect((await client.next('snapshot')).machines!.map(({ path }) => path)).toEqual([HERE]);
    hub.board.observe(columns([2, 10, 9], [1, 10, 7]));
    expect(await client.next('values')).toMatchObject({ values: [[1, 10, 7, 0]] });
    client.subscribe({ id: 'other', kinds: ['values'], tags: [2] });
    expect(await client.next('error')).toMatchObject({ id: 'other', code: 'TAG_NOT_FOUND' });
    client.heard.length = 0;
    client.subscribe({ id: 'alarms', kinds: ['alarms'], paths: ['**'] });
    expect(await client.next('error')).toMatchObject({ id: 'alarms', code: 'NOT_ALLOWED' });
    hub.board.emit('alarm', { occurrence: 'o', machine: HERE } as AlarmView);
    client.subscribe({ id: 'machines', kinds: ['machines'], paths: ['**'] });
    await client.next('subscribed');
    expect(client.heard.some(({ type }) => type === 'alarm')).toBe(false);
  });

  test('an access token brings what its user may see', async () => {
    const { token } = await makeClient('operator');
    const client = await enter(bearer(token));
    client.subscribe({ kinds: ['alarms'], paths: ['**'] });
    await client.next('subscribed');
    hub.board.emit('alarm', { occurrence: 'o', machine: HERE } as AlarmView);
    expect(await client.next('alarm')).toMatchObject({ alarm: { occurrence: 'o' } });
    client.subscribe({ id: 'jobs', kinds: ['jobs'], paths: ['**'] });
    expect(await client.next('error')).toMatchObject({ id: 'jobs', code: 'NOT_ALLOWED' });
  });

  test('nobody comes in without plant.read, by what has ended, or by what was forged', async () => {
    const { secret } = await makeKey({ scopes: ['tags.read'] });
    expect(await refused(bearer(secret))).toBe(403);
    const { key, secret: revoked } = await makeKey();
    await hub.access.keys.revoke(ADMIN, key.id);
    expect(await refused(bearer(revoked))).toBe(401);
    const { token } = await makeClient();
    expect(await refused(bearer(new UnsecuredJWT(decodeJwt(token)).encode()))).toBe(401);
    expect(await refused(bearer(`${token.slice(0, -8)}AAAAAAAA`))).toBe(401);
    // A bad token is not made good by a cookie beside it.
    expect(await refused({ ...bearer('a.b.c'), cookie: await hub.signIn() })).toBe(401);
  });
});

describe('a stay ends at once', () => {
  async function endsBy(headers: Record<string, string>, end: () => Promise<unknown>): Promise<void> {
    const other = await enter(bearer((await makeKey()).secret));
    const { closed } = await enter(headers);
    const begin = performance.now();
    await end();
    const { code, at } = await closed;
    expect(code).toBe(LiveClose.signedOut);
    expect(at - begin).toBeLessThan(AT_ONCE_MS);
    expect(other.socket.readyState).toBe(WebSocket.OPEN);
  }

  test('when its key is revoked', async () => {
    const { key, secret } = await makeKey();
    await endsBy(bearer(secret), () => hub.access.keys.revoke(ADMIN, key.id));
  });

  test('when its user is disabled, whose token is good for long', async () => {
    const { user, token } = await makeClient();
    await endsBy(bearer(token), () => hub.access.users.change(ADMIN, user.name, { disabled: true }));
  });

  test('when its client has signed out', async () => {
    const { token, refresh } = await makeClient();
    await endsBy(bearer(token), () => hub.access.tokens.revoke(refresh, ADMIN));
  });

  test('when its session has signed out', async () => {
    const session = await hub.access.sessions.open('admin');
    await endsBy({ cookie: `lineside_session=${session}` }, () => hub.access.logout(session, ADMIN));
  });

  test.each([
    ['role', { role: 'operator' as const }],
    ['sites', { sites: ['acme/site'] }],
  ])('when its user has another %s', async (_what, change) => {
    const { user, token } = await makeClient();
    await endsBy(bearer(token), () => hub.access.users.change(ADMIN, user.name, change));
  });

  test('when somebody lets its user back in at the hub’s machine', async () => {
    const { user, token } = await makeClient();
    await endsBy(bearer(token), () => hub.access.recover({ name: user.name, admin: false }, 'root at the hub'));
  });
});

describe('a stay ends by its time', () => {
  async function endsAt(headers: Record<string, string>, at: number): Promise<void> {
    const { closed } = await enter(headers);
    expect((await closed).code).toBe(LiveClose.signedOut);
    expect(Math.abs(Date.now() - at)).toBeLessThan(AT_ONCE_MS);
  }

  test('that of its key', async () => {
    const expiresAt = Date.now() + 1_500;
    const { secret } = await makeKey({ expiresAt });
    await endsAt(bearer(secret), expiresAt);
    expect(await refused(bearer(secret))).toBe(401);
  });

  test('that of its access token', async () => {
    const { token } = await makeClient();
    const { kid } = decodeProtectedHeader(token);
    const key = JSON.parse(await readFile(`${hub.stores.dir}/token-key.json`, 'utf8'));
    const exp = Math.floor(Date.now() / 1_000) + 2;
    const short = await new SignJWT({ ...decodeJwt(token), exp })
      .setProtectedHeader({ alg: 'EdDSA', kid: kid!, typ: 'at+jwt' })
      .sign((await importJWK(key, 'EdDSA')) as CryptoKey);
    await endsAt(bearer(short), exp * 1_000);
    expect(await refused(bearer(short))).toBe(401);
  });
});
