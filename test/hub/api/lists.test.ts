/** Lists of what there is much of in a plant of hundreds of gateways: page by page, both ways, and by site. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertCertificate, insertToken } from '../../../hub/store/postgres/enrolment.ts';
import { endRollout, insertRollout } from '../../../hub/store/postgres/rollouts.ts';
import { actorNamed, testMachine } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const OTHER = testMachine({ path: 'acme/other/area/line/press', name: 'Press', gateway: 'line-2', device: 'press' });
const T0 = Date.UTC(2026, 5, 15, 8);

let hub: TestHub;
let admin: string;
let limited: string;

beforeAll(async () => {
  hub = await startTestHub({ machines: [testMachine(), OTHER] });
  admin = await hub.signIn();
  const { db } = hub.stores;
  await hub.access.users.create(actorNamed('admin'), {
    ...{ name: 'eng', fullName: '', role: 'engineer', sites: ['acme/site'] },
  });
  await db.updateTable('users').set({ must_change_password: false }).where('name', '=', 'eng').execute();
  limited = `lineside_session=${await hub.access.sessions.open('eng')}`;
  // Two of each at the same moment: the time alone does not say which is next.
  for (let i = 0; i < 5; i++) {
    const at = T0 + Math.floor(i / 2) * 1_000;
    const gateway = `line-${1 + (i % 2)}`;
    const token = { id: `t${i}`, gateway, stored_key: '', hub_key: '', created_at: at, created_by: 'anna' };
    await insertToken(db, { ...token, expires_at: at + 1 }, 0);
    await insertCertificate(db, {
      ...{ serial: `c${i}`, gateway: 'line-1', certificate: '', public_key: '', not_before: at, not_after: at + 1 },
      ...{ issued_at: at, issued_by: 'anna', renews: null },
    });
    const waves = [[gateway], ...(i === 4 ? [['line-2']] : [])];
    await insertRollout(db, { id: `r${i}`, by: 'anna', config: '', waves, at });
    await endRollout(db, { id: `r${i}`, state: 'done', reason: '', at });
    await hub.app.inject({
      ...{ method: 'POST', url: '/api/v1/mqtt-accounts', headers: { cookie: admin } },
      payload: { name: ['b', 'a', 'Z', 'c', '1'][i] },
    });
  }
});
afterAll(() => hub.close());

async function read(path: string, query: string, cookie = admin): Promise<string[]> {
  const found: string[] = [];
  let next: string | null = null;
  do {
    const url = `/api/v1/${path}?${query}${next === null ? '' : `&cursor=${encodeURIComponent(next)}`}`;
    const answer = await hub.app.inject({ method: 'GET', url, headers: { cookie } });
    expect([url, answer.statusCode]).toEqual([url, 200]);
    const page = answer.json() as { items: Record<string, string>[]; next: string | null };
    expect(answer.headers.link === undefined).toBe(page.next === null);
    found.push(...page.items.map(({ id, serial, name }) => (id ?? serial ?? name)!));
    next = page.next;
  } while (next !== null);
  return found;
}

const LISTS: [path: string, sort: string, whole: string[], own: string[] | null][] = [
  ['enrolment-tokens', '-createdAt', ['t4', 't3', 't2', 't1', 't0'], ['t4', 't2', 't0']],
  ['gateways/line-1/certificates', '-issuedAt', ['c4', 'c3', 'c2', 'c1', 'c0'], ['c4', 'c3', 'c2', 'c1', 'c0']],
  ['rollouts', '-at', ['r4', 'r3', 'r2', 'r1', 'r0'], ['r2', 'r0']],
  // Who manages them sees the whole plant.
  ['mqtt-accounts', 'name', ['1', 'Z', 'a', 'b', 'c'], null],
];

describe.each(LISTS)('%s', (path, sort, whole, own) => {
  test('are all there, page by page and from the end', async () => {
    const turned = sort.startsWith('-') ? sort.slice(1) : `-${sort}`;
    expect(await read(path, '')).toEqual(whole);
    for (const limit of [1, 2, 5]) {
      expect(await read(path, `limit=${limit}&sort=${sort}`)).toEqual(whole);
      expect(await read(path, `limit=${limit}&sort=${turned}`)).toEqual(whole.toReversed());
    }
  });

  if (own === null) return;
  test('of other sites are not there, on no page', async () => {
    expect(await read(path, 'limit=1', limited)).toEqual(own);
  });
});

test('a token of long ago is withdrawn like the newest, and one of another site by nobody who is not let near it', async () => {
  const { db } = hub.stores;
  const [mine, other] = ['line-1', 'line-2'].map((gateway) => ({ id: `old ${gateway}`, gateway }));
  for (const { id, gateway } of [mine!, other!]) {
    const token = { id, gateway, stored_key: '', hub_key: '', created_at: 1, created_by: 'anna' };
    await insertToken(db, { ...token, expires_at: Date.now() + 60_000 }, 0);
  }
  const newer = Array.from({ length: 150 }, (_, i) => ({
    ...{ id: `n${i}`, gateway: 'line-1', stored_key: '', hub_key: '', created_at: T0, created_by: 'anna' },
    ...{ expires_at: Date.now() + 60_000, used_at: null, public_key: null, serial: null },
  }));
  await db.insertInto('enrolment_tokens').values(newer).execute();
  const withdraw = async (id: string) => {
    const url = `/api/v1/enrolment-tokens/${encodeURIComponent(id)}`;
    return (await hub.app.inject({ method: 'DELETE', url, headers: { cookie: limited } })).statusCode;
  };
  expect(await withdraw(other!.id)).toBe(404);
  expect(await withdraw(mine!.id)).toBe(204);
});

test('a rollout of another site is stopped by nobody who is limited to theirs', async () => {
  const stop = async (id: string, cookie: string) => {
    const url = `/api/v1/rollouts/${id}/stop`;
    return (await hub.app.inject({ method: 'POST', url, headers: { cookie } })).statusCode;
  };
  const begin = (id: string, ...waves: string[][]) =>
    insertRollout(hub.stores.db, { id, by: 'anna', config: '', waves, at: T0 });
  for (const [id, waves] of [
    ['other', [['line-2']]],
    ['both', [['line-1'], ['line-2']]],
  ] as const) {
    await begin(id, ...waves.map((wave) => [...wave]));
    expect([id, await stop(id, limited)]).toEqual([id, 404]);
    expect([id, await stop(id, admin)]).toEqual([id, 200]);
    expect([id, await stop(id, admin)]).toEqual([id, 404]);
  }
  await begin('own', ['line-1']);
  expect(await stop('own', limited)).toBe(200);
});
