import type { Problem } from '@lineside/shared/contracts/api.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IdempotencyKeys } from '../../../hub/store/postgres/idempotency-keys.ts';
import { gatewayStatus } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

let hub: TestHub;
let cookie: string;

beforeAll(async () => {
  hub = await startTestHub();
  cookie = await hub.signIn();
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add([{ ...tag, id: 1, name: 'speed', writable: true }]);
  hub.board.report(gatewayStatus());
});
afterAll(() => hub.close());

function write(key: string, value: number, path = '/api/v1/tags/1/write'): Promise<Response> {
  const headers = { cookie, 'content-type': 'application/json', 'idempotency-key': key };
  return fetch(`${hub.url}${path}`, { method: 'POST', headers, body: JSON.stringify({ value, comment: '' }) });
}

const code = async (response: Response) => ((await response.json()) as Problem).code;

/** The gateway tells what became of the last write that it was asked for. */
async function asked(count: number): Promise<void> {
  await expect.poll(() => hub.asked.length).toBe(count);
  const { id } = hub.asked.at(-1)!;
  await hub.writes.replied('line-1', {
    type: 'tag.write',
    outcome: { id, ok: true, old: 1, new: 2, at: 5, error: '' },
  });
}

test('a write with a key is done once, and answered again as before', async () => {
  const first = write('once', 5);
  await asked(1);
  const answer = await (await first).text();
  expect(JSON.parse(answer)).toMatchObject({ ok: true, new: 2 });
  const again = await write('once', 5);
  expect(again.status).toBe(200);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.headers.get('content-type')).toMatch(/^application\/json/);
  expect(await again.text()).toBe(answer);
  expect(hub.asked).toHaveLength(1);
});

test('the key stands for its address and its body', async () => {
  const other = await write('once', 6);
  expect([other.status, await code(other)]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  const elsewhere = await write('once', 5, '/api/v1/tags/2/write');
  expect([elsewhere.status, await code(elsewhere)]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  expect(hub.asked).toHaveLength(1);
});

test('what is only answered again is in the audit log once', async () => {
  await Promise.all([write('once', 5), write('once', 5)]);
  const lines = await hub.stores.db.selectFrom('audit_log').where('action', '=', 'tag.write').selectAll().execute();
  expect(lines.filter(({ outcome }) => outcome === 'done')).toHaveLength(1);
});

test('of two at once one is done, the other is told to ask again, and then gets the answer', async () => {
  const first = write('twice', 7);
  await expect.poll(() => hub.asked.length).toBe(2);
  const second = await write('twice', 7);
  expect([second.status, second.headers.get('retry-after'), await code(second)]).toEqual([
    409,
    '1',
    'IDEMPOTENCY_BUSY',
  ]);
  await asked(2);
  const answer = await (await first).json();
  expect(await (await write('twice', 7)).json()).toEqual(answer);
  expect(hub.asked).toHaveLength(2);
});

test('what was never answered is not tried again: it may have been written', async () => {
  const lost = await write('lost', 8);
  expect([lost.status, await code(lost)]).toEqual([504, 'WRITE_UNKNOWN']);
  const again = await write('lost', 8);
  expect([again.status, await code(again)]).toEqual([504, 'WRITE_UNKNOWN']);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(hub.asked).toHaveLength(3);
});

test('an answer that says that nothing was done frees the key', async () => {
  hub.board.report(gatewayStatus({ online: false }));
  expect(await code(await write('offline', 9))).toBe('GATEWAY_OFFLINE');
  hub.board.report(gatewayStatus());
  const now = write('offline', 9);
  await asked(4);
  expect((await now).status).toBe(200);
  expect(await code(await write('a b', 9))).toBe('REQUEST_INVALID');
  expect(await code(await write('x'.repeat(201), 9))).toBe('REQUEST_INVALID');
});

test.each([
  ['gateways/line-9/enrolment-token', {}, 'token', /^lsg1\./],
  ['users', { name: 'eva', role: 'operator' }, 'password', /^\w{5}-/],
  ['users/eva/reset-password', {}, 'password', /^\w{5}-/],
  ['keys', { name: 'Grafana', scopes: ['tags.read'], expiresAt: null }, 'secret', /^lsk_/],
])('a secret that is shown once is not kept: %s', async (path, body, word, like) => {
  const headers = { cookie, 'content-type': 'application/json', 'idempotency-key': `secret-${path}` };
  const make = () => fetch(`${hub.url}/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const first = await make();
  expect(first.headers.get('cache-control')).toBe('no-store');
  const secret = ((await first.json()) as Record<string, string>)[word];
  expect(secret).toMatch(like);
  expect(await code(await make())).toBe('IDEMPOTENCY_ANSWER_GONE');
  const rows = await hub.stores.db.selectFrom('idempotency_keys').selectAll().execute();
  expect(JSON.stringify(rows)).not.toContain(secret);
});

test('a key is one’s own, is kept for a day, and is told as unknown where the hub ended at work', async () => {
  let now = 1_000_000;
  const keys = new IdempotencyKeys(hub.stores.db, () => now);
  expect(await keys.take('anna', 'k', 'a')).toEqual({ state: 'mine' });
  expect(await keys.take('ben', 'k', 'b')).toEqual({ state: 'mine' });
  expect(await keys.take('anna', 'k', 'a')).toEqual({ state: 'busy' });
  now += 121_000;
  expect(await keys.take('anna', 'k', 'a')).toEqual({ state: 'lost' });
  // A gateway may need ten minutes to take over a configuration.
  expect(await keys.take('anna', 'k', 'a', 900_000)).toEqual({ state: 'busy' });
  await keys.keep('ben', 'k', { status: 200, contentType: 'a/b', body: 'x'.repeat(70_000) });
  expect(await keys.take('ben', 'k', 'b')).toMatchObject({ state: 'answered', answer: { status: 200, body: null } });
  now += 24 * 3_600_000;
  expect(await keys.take('anna', 'k', 'other')).toEqual({ state: 'mine' });
});

test('who has as many keys as one may have still gets the answers to those, and no more keys', async () => {
  const many = Array.from({ length: 10_000 }, (_, i) => i);
  const rows = many.map((i) => ({ who: 'eva', key: `k${i}`, request_sha256: 'a', taken_at: Date.now() }));
  for (let i = 0; i < rows.length; i += 2_000) {
    const some = rows.slice(i, i + 2_000).map((row) => ({ ...row, status: 200, body: 'x' }));
    await hub.stores.db.insertInto('idempotency_keys').values(some).execute();
  }
  const keys = new IdempotencyKeys(hub.stores.db, Date.now);
  expect(await keys.take('eva', 'k7', 'a')).toMatchObject({ state: 'answered', answer: { status: 200 } });
  expect(await keys.take('eva', 'k7', 'b')).toEqual({ state: 'other' });
  expect(await keys.take('eva', 'new', 'a')).toEqual({ state: 'full' });
  expect(await keys.take('ben', 'new', 'a')).toEqual({ state: 'mine' });
});
