/** Pictures that are made once for many: who sees what, and that what somebody changes shows at once. */
import type { ApiKeyWithSecret, UserWithPassword } from '@lineside/shared/contracts/accounts.ts';
import type { MachineView, Overview } from '@lineside/shared/contracts/api.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitRun } from '../../services/commit-run.ts';
import { alarmEvent } from '../../services/gateway-records.ts';
import { gatewayStatus, testMachine } from '../../services/hub-world.ts';
import { columns } from '../../services/samples.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const PACKER = testMachine();
const PRESS = testMachine({ path: 'acme/other/area/line/press', name: 'Press', gateway: 'line-2', device: 'press' });

let hub: TestHub;
let admin: string;

beforeAll(async () => {
  hub = await startTestHub({ machines: [PACKER, PRESS] });
  admin = await hub.signIn();
  const tag = { unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add([{ ...tag, id: 1, gateway: 'line-1', device: 'packer', name: 'speed' }]);
  hub.board.report(gatewayStatus());
  hub.board.observe(columns([1, Date.now(), 1]));
  await hub.alarms.start();
});
afterAll(() => hub.close());

async function ask(url: string, headers: Record<string, string> = { cookie: admin }, method = 'GET', body?: object) {
  const payload = body && { payload: body };
  const answer = await hub.app.inject({ method: method as 'GET', url: `/api/v1${url}`, headers, ...payload });
  return { status: answer.statusCode, headers: answer.headers, body: answer.body && answer.json() };
}

const machinesOf = ({ body }: { body: { items: MachineView[] } }) => body.items.map(({ name }) => name);

test('the same question gets the same bytes and tag, and a 304 for it; another one gets its own, with its next page', async () => {
  const first = await ask('/overview');
  const again = await ask('/overview');
  expect(again.body).toEqual(first.body);
  expect(again.headers.etag).toBe(first.headers.etag);
  expect(again.headers['content-type']).toBe(first.headers['content-type']);
  expect(again.headers['cache-control']).toBe('private, no-cache');
  expect(again.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
  const known = { cookie: admin, 'if-none-match': String(first.headers.etag) };
  expect((await ask('/overview', known)).status).toBe(304);
  for (let i = 0; i < 2; i++) {
    const page = await ask('/machines?limit=1');
    expect(machinesOf(page)).toHaveLength(1);
    expect(page.headers.link).toContain('rel="next"');
  }
  expect(machinesOf(await ask('/machines'))).toHaveLength(2);
});

test('what a machine, a gateway or a device tells shows at once; values within a second', async () => {
  const speed = async () => (await ask('/tags/last?machine=acme%2Fsite%2Farea%2Fline%2Fpacker')).body.items[0].value;
  expect(await speed()).toBe(1);
  hub.board.observe(columns([1, Date.now(), 2]));
  await expect.poll(speed, { interval: 50, timeout: 1_000 }).toBe(2);
  const gateways = async () => ((await ask('/overview')).body as Overview).gateways.map(({ online }) => online);
  expect(await gateways()).toEqual([true]);
  hub.board.report({ ...gatewayStatus(), online: false });
  expect(await gateways()).toEqual([false]);
  hub.board.catalog.add([
    { id: 2, gateway: 'line-1', device: 'packer', name: 'force', type: 'float64', unit: '', description: '' },
  ]);
  expect((await ask('/tags')).body.items).toHaveLength(2);
});

test('an alarm shows at once, and so does its acknowledgement, in the picture and in the list', async () => {
  const states = async () => [
    ((await ask('/overview')).body as Overview).alarms.map(({ acknowledgePending }) => acknowledgePending),
    (await ask('/alarms')).body.items.map((alarm: { acknowledgePending: boolean }) => alarm.acknowledgePending),
  ];
  expect(await states()).toEqual([[], []]);
  const raised = alarmEvent({ occurrence: 'o1', tag: 0 });
  await hub.alarms.changed(await commitRun(hub.stores.db, { alarms: [raised] }));
  expect(await states()).toEqual([[false], [false]]);
  const path = `/alarms/${encodeURIComponent(raised.occurrence)}/acknowledge`;
  expect((await ask(path, { cookie: admin }, 'POST', { comment: '' })).status).toBe(200);
  expect(await states()).toEqual([[true], [true]]);
});

test('nobody sees another one’s picture: sites, a role that is changed, a user or key that is ended count at once', async () => {
  const made = (body: object) => ask('/users', { cookie: admin }, 'POST', body);
  const { user, password } = (await made({ name: 'ann', role: 'operator', sites: ['acme/site'] }))
    .body as UserWithPassword;
  const signIn = async (word: string) => {
    const { headers } = await ask('/login', {}, 'POST', { name: user.name, password: word });
    return { cookie: String(headers['set-cookie']).split(';')[0]! };
  };
  const own = 'tractor seven moon';
  const ann = await signIn(password);
  expect((await ask('/me/password', ann, 'POST', { current: password, new: own })).status).toBe(200);
  const key = (
    await ask('/keys', { cookie: admin }, 'POST', { name: 'wall', scopes: ['plant.read'], expiresAt: null })
  ).body as ApiKeyWithSecret;
  const wall = { authorization: `Bearer ${key.secret}` };
  expect(machinesOf(await ask('/machines'))).toEqual(['Press', 'Packer']);
  expect(machinesOf(await ask('/machines', ann))).toEqual(['Packer']);
  expect(machinesOf(await ask('/machines', wall))).toEqual(['Press', 'Packer']);
  // All three pictures are there now, and everybody is known.
  await ask('/users/ann', { cookie: admin }, 'PATCH', { sites: ['acme/other'] });
  expect(machinesOf(await ask('/machines', ann))).toEqual(['Press']);
  expect((await ask('/machines', {})).status).toBe(401);
  await ask('/users/ann', { cookie: admin }, 'PATCH', { disabled: true });
  expect((await ask('/machines', ann)).status).toBe(401);
  expect((await ask(`/keys/${key.key.id}`, { cookie: admin }, 'DELETE')).status).toBeLessThan(300);
  expect((await ask('/machines', wall)).status).toBe(401);
  expect((await ask('/logout', { cookie: admin }, 'POST')).status).toBe(204);
  expect((await ask('/machines')).status).toBe(401);
});
