/**
 * Who may have gateways do something, by role and by site: each is tried, and the gateway listens. What each role may
 * stands here once more, written out, so that a slip in the table of permissions is seen.
 */

import type { FleetCommand } from '@lineside/shared/contracts/fleet.ts';
import type { ConfigPushCommand } from '@lineside/shared/contracts/link.ts';
import type { Permission, Role } from '@lineside/shared/contracts/permissions.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { actorNamed, gatewayStatus, testMachine } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const OTHER = testMachine({ path: 'acme/other/area/line/press', name: 'Press', gateway: 'line-2', device: 'press' });
const ADMIN = actorNamed('admin');
const ALL: Role[] = ['operator', 'supervisor', 'maintenance', 'engineer', 'manager', 'admin'];
const SERVICE: Role[] = ['maintenance', 'engineer', 'admin'];
const ENGINEERS: Role[] = ['engineer', 'admin'];

type Case = [
  what: string,
  permission: Permission,
  roles: Role[],
  method: 'GET' | 'POST',
  path: string,
  body?: object,
];
/** `line-1` in the path stands for the gateway. */
const CASES: Case[] = [
  ['config.read', 'gateways.configure', ENGINEERS, 'GET', 'line-1/config'],
  ['config.check', 'gateways.configure', ENGINEERS, 'POST', 'line-1/config/check', { config: 'a: 1' }],
  ['config.push', 'gateways.configure', ENGINEERS, 'POST', 'line-1/config', { config: 'a: 1' }],
  ['restart', 'gateways.restart', SERVICE, 'POST', 'line-1/restart'],
  ['logs', 'gateways.logs', SERVICE, 'GET', 'line-1/logs'],
  ['browse.opcua', 'gateways.browse', SERVICE, 'POST', 'line-1/browse', { endpoint: 'opc.tcp://plc:4840' }],
  ['probe.modbus', 'gateways.browse', SERVICE, 'POST', 'line-1/probe', { host: 'plc', from: 0, to: 9 }],
];

let hub: TestHub;
/** What gateways have heard. */
const heard: string[] = [];
const sessions = new Map<Role, string>();

beforeAll(async () => {
  hub = await startTestHub({
    machines: [testMachine(), OTHER],
    send(gateway, command) {
      heard.push(`${gateway} ${whatOf(command)} by ${command.by}`);
      queueMicrotask(() => answer(gateway, command));
    },
  });
  for (const id of ['line-1', 'line-2']) hub.board.report({ ...gatewayStatus(), gateway: id });
  for (const role of ALL) sessions.set(role, await makeUser(`a-${role}`, role, null));
});
beforeEach(() => void heard.splice(0));
afterAll(() => hub.close());

const whatOf = (command: FleetCommand | ConfigPushCommand) =>
  command.type === 'fleet' ? command.ask.what : 'config.push';

function answer(gateway: string, command: FleetCommand | ConfigPushCommand): void {
  const changes = { added: [], changed: [], removed: [] };
  const told = { problems: [], changes, needsRestart: [], sha256: '' };
  if (command.type === 'config.push') {
    hub.configs.replied(gateway, {
      ...{ type: 'config.push', id: command.id },
      result: { result: 'unchanged', ...told },
    });
    return;
  }
  const values: Record<string, unknown> = {
    'config.read': { config: '', sha256: '', running: '' },
    'config.check': { sound: true, ...told },
    logs: { lines: [], left: 0 },
  };
  const text = JSON.stringify({ ok: true, value: values[command.ask.what] ?? { yaml: '', account: [] } });
  hub.fleet.replied(gateway, { type: 'fleet', id: command.id, piece: 0, pieces: 1, text });
}

/** A user who has chosen a password; gives the cookie of a session. */
async function makeUser(name: string, role: Role, sites: string[] | null): Promise<string> {
  await hub.access.users.create(ADMIN, { name, fullName: '', role, sites });
  await hub.stores.db.updateTable('users').set({ must_change_password: false }).where('name', '=', name).execute();
  return `lineside_session=${await hub.access.sessions.open(name)}`;
}

async function call([, , , method, path, body]: Case, headers: Record<string, string>, gateway = 'line-1') {
  const url = `/api/v1/gateways/${path.replace('line-1', gateway)}`;
  const done = await hub.app.inject({ method, url, headers, ...(body && { payload: body }) });
  return { status: done.statusCode, code: (done.json() as { code?: string }).code };
}

describe.each(CASES)('%s', (...each) => {
  const [what, permission, roles] = each as Case;

  test.each(ALL)(`as the table here says it for the role %s`, async (role) => {
    const { status, code } = await call(each as Case, { cookie: sessions.get(role)! });
    if (roles.includes(role)) {
      expect([status, heard]).toEqual([200, [`line-1 ${what} by a-${role}`]]);
    } else expect([status, code, heard]).toEqual([403, 'PERMISSION_MISSING', []]);
  });

  test(`by an API key with ${permission}, and by no other`, async () => {
    const make = async (scope: Permission) => {
      const name = `${what} ${scope}`.replaceAll(/[^\w .-]/g, '-');
      const key = { name, scopes: [scope as 'tags.read'], sites: null, expiresAt: null };
      return { authorization: `Bearer ${(await hub.access.keys.create(ADMIN, key)).secret}` };
    };
    expect((await call(each as Case, await make(permission))).status).toBe(200);
    heard.length = 0;
    expect(await call(each as Case, await make('gateways.read'))).toEqual({
      status: 403,
      code: 'PERMISSION_MISSING',
    });
    expect(heard).toEqual([]);
  });

  test('never of a gateway that serves other sites too', async () => {
    const cookie = await makeUser(`of-one-site-${what}`, 'engineer', ['acme/site']);
    expect((await call(each as Case, { cookie })).status).toBe(200);
    heard.length = 0;
    expect(await call(each as Case, { cookie }, 'line-2')).toEqual({ status: 404, code: 'GATEWAY_NOT_FOUND' });
    expect(await call(each as Case, { cookie }, 'none')).toEqual({ status: 404, code: 'GATEWAY_NOT_FOUND' });
    expect(heard).toEqual([]);
  });
});

test('a configuration of more than eight megabytes is refused, and no gateway hears of it', async () => {
  const body = { config: 'x'.repeat(9 * 1024 * 1024) };
  const headers = { cookie: sessions.get('engineer')! };
  for (const path of ['gateways/line-1/config', 'gateways/line-1/config/check', 'rollouts']) {
    const payload = path === 'rollouts' ? { ...body, gateways: ['line-1'] } : body;
    const { statusCode } = await hub.app.inject({ method: 'POST', url: `/api/v1/${path}`, headers, payload });
    expect([path, statusCode]).toEqual([path, 413]);
  }
  expect(heard).toEqual([]);
});
