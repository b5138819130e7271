/** Two hubs on one PostgreSQL, and clients of the live socket that go from one to the other. */
import { once } from 'node:events';
import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { LiveClose, type LiveMessage, type Subscribe } from '@lineside/shared/contracts/live.ts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Relational } from '../../../../hub/store/postgres/relational.ts';
import { commitRun } from '../../../services/commit-run.ts';
import { alarmEvent } from '../../../services/gateway-records.ts';
import { actorNamed } from '../../../services/hub-world.ts';
import { hasPostgres, Postgres } from '../../../services/postgres.ts';
import { startTestHub, type TestHub } from '../../../services/test-hub.ts';

const PATIENT = { timeout: 15_000, interval: 10 };
const ADMIN = actorNamed('admin');
/** They look once a second; the rest is for a machine that is busy. Milliseconds. */
const SOON_MS = 4_000;

describe.skipIf(!hasPostgres)('two hubs on one PostgreSQL', { timeout: 60_000 }, () => {
  let postgres: Postgres;
  let store: Relational;
  let hubs: [TestHub, TestHub];
  let secret: string;
  let session: string;

  beforeAll(async () => {
    postgres = await Postgres.start();
    store = await postgres.open();
    const first = await startTestHub({ db: store.db, shared: true });
    hubs = [first, await startTestHub({ db: store.db, shared: true })];
    const scopes = ['plant.read' as const, 'alarms.read' as const];
    const key = await first.access.keys.create(ADMIN, { name: 'board', scopes, sites: null, expiresAt: null });
    secret = key.secret;
    session = await first.access.sessions.open('admin');
    await Promise.all(hubs.map(({ alarms }) => alarms.start()));
  }, 60_000);
  afterAll(async () => {
    for (const hub of hubs ?? []) await hub.close();
    await store?.close();
    await postgres?.dispose();
  });

  async function enter(hub: TestHub, headers: Record<string, string> = { authorization: `Bearer ${secret}` }) {
    const socket = new WebSocket(`${hub.url.replace('http', 'ws')}/api/v1/live`, { headers });
    const heard: LiveMessage[] = [];
    socket.on('message', (data) => heard.push(JSON.parse(String(data)) as LiveMessage));
    const next = async <T extends LiveMessage['type']>(type: T) => {
      await vi.waitFor(() => expect(heard.map((message) => message.type)).toContain(type), PATIENT);
      return heard.find((message) => message.type === type) as Extract<LiveMessage, { type: T }>;
    };
    await next('hello');
    const subscribe = (wanted: Partial<Subscribe>) =>
      socket.send(JSON.stringify({ type: 'subscribe', id: 's', kinds: ['alarms'], paths: ['**'], ...wanted }));
    return { socket, heard, next, subscribe };
  }

  /** An alarm that one of them has committed and tells, as its ingest does. */
  async function raise(hub: TestHub, occurrence: string, seq: number): Promise<void> {
    const alarms = [alarmEvent({ occurrence, tag: 0 })];
    await hub.alarms.changed(await commitRun(store.db, { seq, alarms }));
  }

  test('who comes to the other with an id of the first reads anew: the picture has what was missed, and nothing is taken for it', async () => {
    const [first, second] = hubs;
    const before = await enter(first);
    before.subscribe({});
    await before.next('subscribed');
    await raise(first, 'seen', 1);
    const { event } = await before.next('alarm');
    before.socket.terminate();
    // As many events as the first has had and more: counted alone, the number would fit here too.
    for (let i = 0; i < 5; i++) second.board.emit('alarm', { occurrence: `other-${i}`, machine: '' } as AlarmView);
    await raise(first, 'missed', 2);
    await second.alarms.start();
    const after = await enter(second);
    after.subscribe({ after: event });
    expect(await after.next('subscribed')).toMatchObject({ resumed: false });
    const { alarms, event: newest } = await after.next('snapshot');
    expect(alarms!.map(({ occurrence }) => occurrence).sort()).toEqual(['missed', 'seen']);
    expect(after.heard.some(({ type }) => type === 'alarm')).toBe(false);
    // From here on it goes on as at any hub.
    after.socket.terminate();
    await raise(second, 'new', 3);
    const again = await enter(second);
    again.subscribe({ after: newest });
    expect(await again.next('subscribed')).toMatchObject({ resumed: true });
    expect(await again.next('alarm')).toMatchObject({ alarm: { occurrence: 'new' } });
    again.socket.terminate();
    // Back at the first, which still has what the client had seen there.
    const back = await enter(first);
    back.subscribe({ after: newest });
    expect(await back.next('subscribed')).toMatchObject({ resumed: false });
    back.socket.terminate();
  });

  test('what ends at one of them ends at the other within a second', async () => {
    const [first, second] = hubs;
    const byKey = await enter(second);
    const bySession = await enter(second, { cookie: `lineside_session=${session}` });
    const stays = await enter(second, { cookie: `lineside_session=${await first.access.sessions.open('admin')}` });
    const closed = [byKey, bySession].map(async ({ socket }) => {
      const [code] = (await once(socket, 'close')) as [number];
      return { code, at: performance.now() };
    });
    const [{ id } = { id: '' }] = (await first.access.keys.list({ limit: 1, sort: '-createdAt' })).items;
    const begin = performance.now();
    await first.access.keys.revoke(ADMIN, id);
    await first.access.logout(session, ADMIN);
    for (const { code, at } of await Promise.all(closed)) {
      expect(code).toBe(LiveClose.signedOut);
      expect(at - begin).toBeLessThan(SOON_MS);
    }
    const { status } = await fetch(`${second.url}/api/v1/me`, { headers: { authorization: `Bearer ${secret}` } });
    expect(status).toBe(401);
    expect(stays.socket.readyState).toBe(WebSocket.OPEN);
    stays.socket.terminate();
  });

  test('who is let back in at one of them need not wait for wrong passwords at the other', async () => {
    const [first, second] = hubs;
    const origin = { address: '192.0.2.9', requestId: '' };
    const signIn = (password: string) =>
      second.access.sessions.login('admin', password, origin).then(
        () => 'in',
        (error: { code?: string }) => error.code,
      );
    let answer: string | undefined;
    for (let tries = 0; tries < 10 && answer !== 'LOGIN_THROTTLED'; tries++) answer = await signIn('a guess');
    expect(answer).toBe('LOGIN_THROTTLED');
    const { password } = await first.access.recover({ name: 'admin', admin: false }, 'root at the hub');
    await vi.waitFor(async () => expect(await signIn(password)).toBe('in'), PATIENT);
  });
});
