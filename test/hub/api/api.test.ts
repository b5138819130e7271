import { AlarmView, History, MachineView, Overview, Problem, Tag, User } from '@lineside/shared/contracts/api.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import Type from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { commitRun } from '../../services/commit-run.ts';
import { alarmEvent } from '../../services/gateway-records.ts';
import { gatewayStatus } from '../../services/hub-world.ts';
import { columns, record } from '../../services/samples.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const OPEN = new Set([
  ...['/health', '/ready', '/api/v1/login', '/api/v1/logout', '/api/v1/sign-in'],
  ...['/api/v1/tokens', '/api/v1/tokens/refresh', '/api/v1/tokens/revoke'],
  ...['/api/v1/enrol', '/api/v1/authority'],
]);
const MACHINE = encodeURIComponent('acme/site/area/line/packer');
const T0 = Date.UTC(2026, 5, 15, 8);

interface Operation {
  summary?: string;
  responses: Record<string, unknown>;
  parameters?: { name: string; in: string; required: boolean }[];
}
interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
}

let hub: TestHub;
let cookie: string;

beforeAll(async () => {
  hub = await startTestHub();
  cookie = await hub.signIn();
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '' };
  hub.board.catalog.add([
    { ...tag, id: 1, name: 'speed', type: 'float64', unit: '1/min' },
    { ...tag, id: 2, name: 'state', type: 'integer' },
    { ...tag, id: 3, name: '$link', type: 'integer' },
    { ...tag, id: 4, name: 'title', type: 'string' },
    { ...tag, id: 5, name: 'many', type: 'float64', device: 'other' },
  ]);
  hub.board.report(gatewayStatus());
  hub.board.observe(columns([1, T0, 120.5], [2, T0, 6], [4, T0, 'Ü', Quality.Uncertain]));
  await hub.alarms.start();
});
afterAll(() => hub.close());

function call(path: string, init: RequestInit & { anonymous?: boolean } = {}): Promise<Response> {
  const { anonymous, ...rest } = init;
  const headers = { ...(anonymous ? {} : { cookie }), ...(rest.headers as Record<string, string>) };
  return fetch(`${hub.url}${path}`, { ...rest, headers });
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return call(path, { method: 'POST', body: text, headers: { 'content-type': 'application/json', ...headers } });
}

async function items<T>(path: string): Promise<T[]> {
  return ((await (await call(path)).json()) as { items: T[] }).items;
}

async function problem(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const body = await response.json();
  expect(Value.Errors(Problem, body)).toEqual([]);
  expect((body as Problem).status).toBe(response.status);
  return body as Problem;
}

async function openApi(): Promise<Document> {
  return (await (await call('/api/openapi.json', { anonymous: true })).json()) as Document;
}

describe('who may call what', () => {
  test('no operation of the document answers without a session, but those that are open', async () => {
    const { paths } = await openApi();
    let closed = 0;
    for (const [path, operations] of Object.entries(paths)) {
      for (const method of Object.keys(operations)) {
        if (OPEN.has(path)) continue;
        closed++;
        // The router takes an address written in another way for the same.
        for (const way of [path, path.replace('/api/', '/%61pi/'), path.replace('/v1/', '/%761/')]) {
          const address = way.replaceAll(/\{\w+\}/g, '1');
          const response = await call(address, { method: method.toUpperCase(), anonymous: true });
          expect([way, method, (await problem(response)).code]).toEqual([way, method, 'SESSION_ENDED']);
        }
      }
    }
    expect(closed).toBeGreaterThanOrEqual(9);
  });

  test.each(['', 'lineside_session=', 'lineside_session=nonsense', 'other=1'])(
    'a cookie of "%s" opens nothing',
    async (none) => {
      const response = await call('/api/v1/me', { headers: { cookie: none } });
      expect(response.status).toBe(401);
    },
  );

  test('health and the document are for everybody', async () => {
    const health = await call('/health', { anonymous: true });
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: 'ok', version: expect.any(String), faults: [] });
    hub.faults.push('cannot commit: no space left');
    const failing = await call('/health', { anonymous: true });
    expect(failing.status).toBe(200);
    expect(await failing.json()).toMatchObject({ status: 'failing', faults: ['cannot commit: no space left'] });
    const ready = await call('/ready', { anonymous: true });
    hub.faults.length = 0;
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'not ready', missing: ['cannot commit: no space left'] });
    hub.hanging.push('ingest makes no progress');
    expect((await call('/health', { anonymous: true })).status).toBe(503);
    hub.hanging.length = 0;
    expect((await call('/docs/', { anonymous: true })).status).toBe(200);
  });
});

describe('the metrics', () => {
  const metrics = (headers: Record<string, string> = {}) => call('/metrics', { anonymous: true, headers });

  test('are for the hub’s own machine, but not through a proxy on it', async () => {
    const response = await metrics();
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('lineside_hub_request_duration_seconds_count');
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']) {
      expect((await problem(await metrics({ [name]: '127.0.0.1' }))).code).toBe('SESSION_ENDED');
    }
  });

  test('are elsewhere for those who may', async () => {
    hub.near.clear();
    expect((await problem(await metrics())).code).toBe('SESSION_ENDED');
    expect((await call('/metrics')).status).toBe(200);
    hub.near.add('127.0.0.1');
  });

  test('know each route by its name, whatever it is asked with', async () => {
    await call('/api/v1/tags/77777/history?from=1&to=2');
    await call('/nowhere/at/all');
    const text = await (await metrics()).text();
    expect(text).toContain('route="/api/v1/tags/:id/history",status="4xx"');
    expect(text).toContain('route="none",status="4xx"');
    expect(text).not.toMatch(/77777|nowhere/);
  });
});

describe('signing in', () => {
  test('sets a cookie that scripts and other sites cannot use, and signing out ends it', async () => {
    const response = await post('/api/v1/login', { name: 'admin', password: hub.password });
    expect(response.status).toBe(200);
    const user = await response.json();
    expect(Value.Errors(User, user)).toEqual([]);
    expect(user).toMatchObject({ name: 'admin', role: 'admin', sites: null, mustChangePassword: false });
    const set = response.headers.get('set-cookie')!;
    expect(set).toMatch(/^lineside_session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    const own = { cookie: set.split(';')[0]! };
    expect(await (await call('/api/v1/me', { headers: own })).json()).toEqual(user);
    const out = await call('/api/v1/logout', { method: 'POST', headers: own });
    expect(out.status).toBe(204);
    expect(out.headers.get('set-cookie')).toMatch(/^lineside_session=;.*(Max-Age=0|Expires=Thu, 01 Jan 1970)/);
    expect((await call('/api/v1/me', { headers: own })).status).toBe(401);
  });

  test('is refused for a wrong password, and after five says how long to wait', async () => {
    for (let i = 0; i < 5; i++) {
      const refused = await problem(await post('/api/v1/login', { name: 'guess', password: 'wrong' }));
      expect(refused).toMatchObject({ status: 401, code: 'LOGIN_REFUSED' });
    }
    const response = await post('/api/v1/login', { name: 'guess', password: 'wrong' });
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await problem(response)).toMatchObject({ status: 429, code: 'LOGIN_THROTTLED' });
  });

  test('from another site’s page is refused, from the own one not', async () => {
    const body = { name: 'nobody', password: 'x' };
    for (const origin of ['https://evil.example', 'null', hub.url.replace(/\d+$/, '1')]) {
      const response = await post('/api/v1/login', body, { origin });
      expect(await problem(response)).toMatchObject({ status: 403, code: 'ORIGIN_REFUSED' });
    }
    const alarm = await post('/api/v1/alarms/1/acknowledge', {}, { origin: 'https://evil.example' });
    expect((await problem(alarm)).code).toBe('ORIGIN_REFUSED');
    expect((await post('/api/v1/logout', '', { origin: 'https://evil.example' })).status).toBe(403);
    expect((await call('/api/v1/me', { headers: { origin: hub.url } })).status).toBe(200);
  });
});

describe('what cannot be understood is a problem with a code', () => {
  const login = (body: unknown, headers?: Record<string, string>) => post('/api/v1/login', body, headers);
  test.each<[what: string, make: () => Promise<Response>, status: number, code: string]>([
    ['no JSON', () => login('{"name":'), 400, 'REQUEST_INVALID'],
    ['a missing field', () => login({ name: 'admin' }), 400, 'REQUEST_INVALID'],
    ['an unknown field', () => login({ name: 'a', password: 'b', admin: true }), 400, 'REQUEST_INVALID'],
    ['a name without end', () => login({ name: 'a'.repeat(65), password: 'b' }), 400, 'REQUEST_INVALID'],
    ['a body without end', () => login({ name: 'a', password: 'b'.repeat(70_000) }), 413, 'BODY_TOO_LARGE'],
    ['another media type', () => login('a=b', { 'content-type': 'text/xml' }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a tag that is no number', () => call(`/api/v1/tags/speed/history?from=1&to=2`), 400, 'REQUEST_INVALID'],
    ['a range without end', () => call('/api/v1/tags/1/history?from=1'), 400, 'REQUEST_INVALID'],
    ['a range turned round', () => call('/api/v1/tags/1/history?from=2&to=1'), 400, 'RANGE_INVALID'],
    ['a range of twelve years', () => call('/api/v1/tags/1/history?from=0&to=378691200000'), 400, 'RANGE_INVALID'],
    ['too many points', () => call('/api/v1/tags/1/history?from=1&to=2&points=5001'), 400, 'REQUEST_INVALID'],
    ['too many alarms', () => call('/api/v1/alarms?limit=1001'), 400, 'REQUEST_INVALID'],
    ['an unknown tag', () => call('/api/v1/tags/99/history?from=1&to=2'), 404, 'TAG_NOT_FOUND'],
    ['an unknown machine', () => call('/api/v1/tags?machine=none'), 404, 'MACHINE_NOT_FOUND'],
    ['OEE of an unknown machine', () => call('/api/v1/oee?machine=none'), 404, 'MACHINE_NOT_FOUND'],
    ['an unknown alarm', () => post('/api/v1/alarms/none/acknowledge', {}), 404, 'ALARM_NOT_FOUND'],
    ['an unknown path', () => call('/api/v1/nothing'), 404, 'NOT_FOUND'],
    ['a path out of the folder', () => call('/..%2f..%2fpackage.json'), 404, 'NOT_FOUND'],
    ['another method', () => call('/api/v1/machines', { method: 'DELETE' }), 404, 'NOT_FOUND'],
  ])('%s', async (_what, make, status, code) => {
    const told = await problem(await make());
    expect([told.status, told.code]).toEqual([status, code]);
    expect(told.detail).not.toBe('');
  });

  test('and a fault of the hub does not tell its insides', async () => {
    const { list } = hub.alarms;
    hub.alarms.list = () => Promise.reject(new Error('secret table names'));
    const told = await problem(await call('/api/v1/alarms'));
    hub.alarms.list = list;
    expect(told).toMatchObject({ status: 500, code: 'INTERNAL', detail: 'see the log of the hub' });
  });
});

describe('the picture', () => {
  test('the overview is as its schema says', async () => {
    const body = (await (await call('/api/v1/overview')).json()) as Overview;
    expect(Value.Errors(Overview, body)).toEqual([]);
    expect(body).toMatchObject({ enterprise: 'Acme', gateways: [{ id: 'line-1', online: true }] });
    expect(body.machines).toMatchObject([{ name: 'Packer', values: [{ label: 'Speed', value: 120.5 }] }]);
  });

  test('so are machines, gateways, equipment and the tags of a machine', async () => {
    const machines = await items('/api/v1/machines');
    expect(Value.Errors(Type.Array(MachineView), machines)).toEqual([]);
    const [root, site] = await items('/api/v1/equipment?limit=2');
    expect(root).toEqual({ path: 'acme', parent: null, level: 'enterprise', name: 'Acme', children: 1 });
    expect(site).toMatchObject({ path: 'acme/site', parent: 'acme', level: 'site', timeZone: 'UTC' });
    const gateways = await items('/api/v1/gateways');
    expect(gateways).toMatchObject([{ id: 'line-1', devices: [{ device: 'packer' }] }]);
    const tags = await items<Tag>(`/api/v1/tags?machine=${MACHINE}`);
    expect(Value.Errors(Type.Array(Tag), tags)).toEqual([]);
    expect(tags.map(({ name, value }) => `${name} ${value}`)).toEqual(['speed 120.5', 'state 6', 'title Ü']);
  });

  test('a list says where its next page is, in the body and in the Link header, and the last one does not', async () => {
    const seen: string[] = [];
    let address: string | undefined = '/api/v1/equipment?limit=2&sort=-path';
    for (let page = 0; address !== undefined && page < 9; page++) {
      const response = await call(address);
      const { items: found, next } = (await response.json()) as { items: { path: string }[]; next: string | null };
      seen.push(...found.map(({ path }) => path));
      const link = response.headers.get('link');
      address = link?.match(/^<([^>]+)>; rel="next"$/)?.[1];
      expect(address === undefined).toBe(next === null);
    }
    const machine = 'acme/site/area/line/packer';
    expect(seen).toEqual([machine, 'acme/site/area/line', 'acme/site/area', 'acme/site', 'acme']);
    expect(await items('/api/v1/cells?under=acme/site')).toMatchObject([{ path: machine, gateway: 'line-1' }]);
    expect(await items(`/api/v1/lines/${encodeURIComponent('acme/site/area/line')}/cells`)).toHaveLength(1);
    expect((await call('/api/v1/areas/acme%2Fsite')).status).toBe(404);
  });

  test('a value that is no number breaks no picture', async () => {
    // A picture may be half a second old.
    const shown = (value: number | null) =>
      vi.waitFor(
        async () => {
          const response = await call('/api/v1/overview');
          expect(response.status).toBe(200);
          expect(((await response.json()) as Overview).machines[0]!.values[0]!.value).toBe(value);
        },
        { timeout: 10_000 },
      );
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      hub.board.observe(columns([1, T0, value]));
      await shown(null);
      hub.board.observe(columns([1, T0, 120.5]));
      await shown(120.5);
    }
  });

  test('OEE comes with the states that it is made of', async () => {
    const body = await (await call(`/api/v1/oee?machine=${MACHINE}`)).json();
    expect(body).toMatchObject({ oee: { shift: 'Day', availability: null }, intervals: [{ category: 'unknown' }] });
  });
});

describe('the past of a tag', () => {
  const history = async (tag: number, query: string): Promise<History> => {
    const body = (await (await call(`/api/v1/tags/${tag}/history?${query}`)).json()) as History;
    expect(Value.Errors(History, body)).toEqual([]);
    expect(new Set([body.at.length, body.mean!.length, body.min!.length, body.max!.length]).size).toBe(1);
    return body;
  };

  beforeAll(async () => {
    const beats = [0, 5, 10, 40, 45, 50, 55].map((s): [number, number, number] => [3, T0 + s * 1_000, 1]);
    const many = Array.from({ length: 3_000 }, (_, i): [number, number, number] => [5, T0 + i * 1_000, i % 10]);
    const speed = columns(
      [1, T0 + 1_000, 10],
      [1, T0 + 4_000, 20, Quality.BadSensorFailure],
      [1, T0 + 8_000, Number.NaN],
      [1, T0 + 9_000, 30],
      [1, T0 + 42_000, 40],
    );
    await hub.stores.timeSeries.append([record(1, columns(...beats)), record(2, columns(...many)), record(3, speed)]);
  });

  test('is told sample by sample where they are few; Bad and silence break the line', async () => {
    const body = await history(1, `from=${T0}&to=${T0 + 60_000}`);
    expect(body).toMatchObject({ tag: 1, unit: '1/min', raw: true });
    const points = body.at.map((at, i) => `${(at - T0) / 1_000} ${body.mean![i]}`);
    expect(points).toEqual(['1 10', '4 null', '8 null', '9 30', '15 null', '42 40']);
    expect(body.min).toEqual(body.mean);
  });

  test('is told in buckets where they are many', async () => {
    const body = await history(5, `from=${T0}&to=${T0 + 3_000_000}&points=100`);
    expect(body.raw).toBe(false);
    expect(body.at).toHaveLength(100);
    expect([body.mean![0], body.min![0], body.max![0]]).toEqual([4.5, 0, 9]);
    expect(body.at[1]! - body.at[0]!).toBe(30_000);
  });

  test('is empty where nothing was', async () => {
    expect(await history(1, `from=1&to=1000`)).toMatchObject({ at: [], mean: [] });
  });
});

describe('alarms', () => {
  test('are listed, acknowledged once, and told as on their way', async () => {
    const { db } = hub.stores;
    const raised = [1, 2, 3].map((n) => alarmEvent({ occurrence: `o${n}`, at: n * 1_000, tag: 0 }));
    await hub.alarms.changed(await commitRun(db, { seq: 1, alarms: raised }));
    const active = await items<AlarmView>('/api/v1/alarms/active');
    expect(Value.Errors(Type.Array(AlarmView), active)).toEqual([]);
    expect(active.map(({ occurrence }) => occurrence)).toEqual(['o3', 'o2', 'o1']);
    const page = await items<AlarmView>('/api/v1/alarms?to=3000&limit=1');
    expect(page.map(({ occurrence }) => occurrence)).toEqual(['o2']);

    for (let time = 0; time < 2; time++) {
      const response = await post('/api/v1/alarms/o2/acknowledge', { comment: 'on my way' });
      expect(await response.json()).toMatchObject({ acknowledgePending: true, state: 'unacknowledged' });
    }
    expect(hub.sent).toMatchObject([{ occurrence: 'o2', by: 'admin', comment: 'on my way' }]);
    const done = { transition: 'acknowledged', state: 'acknowledged', by: 'admin' } as const;
    const answer = alarmEvent({ occurrence: 'o2', at: 9_000, tag: 0, ...done });
    await hub.alarms.changed(await commitRun(db, { seq: 2, alarms: [answer] }));
    const again = await problem(await post('/api/v1/alarms/o2/acknowledge', {}));
    expect(again).toMatchObject({ status: 409, code: 'ALARM_ACKNOWLEDGED' });
    const long = await post('/api/v1/alarms/o1/acknowledge', { comment: 'x'.repeat(501) });
    expect((await problem(long)).code).toBe('REQUEST_INVALID');
  });
});

describe('the document', () => {
  test('is OpenAPI 3.1 in which every operation says what it does and how it succeeds', async () => {
    const document = await openApi();
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Lineside hub', version: expect.stringMatching(/^\d/) });
    for (const [, ref] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = ref!
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document);
      expect(found, ref).toBeDefined();
    }
    for (const [path, operations] of Object.entries(document.paths)) {
      expect(path).toMatch(/^\/(health$|ready$|api\/v1\/)/);
      for (const [method, { summary, responses, parameters }] of Object.entries(operations)) {
        expect(summary, `${method} ${path}`).toMatch(/\w/);
        expect(
          Object.keys(responses).some((status) => /^2\d\d$/.test(status)),
          `${method} ${path}`,
        ).toBe(true);
        for (const [, name] of path.matchAll(/\{(\w+)\}/g)) {
          expect(parameters).toContainEqual(expect.objectContaining({ name, in: 'path', required: true }));
        }
      }
    }
  });
});

describe('the pages', () => {
  test('come with headers that keep other code out', async () => {
    for (const path of ['/', '/api/v1/me', '/nothing']) {
      const { headers } = await call(path);
      const policy = headers.get('content-security-policy')!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('strict-transport-security')).toBeNull();
    }
  });

  test('are the web app where it is built, and a word on building it where it is not', async () => {
    const response = await call('/', { anonymous: true });
    if (response.status === 200) expect(await response.text()).toContain('<div id="root">');
    else expect(await problem(response)).toMatchObject({ detail: expect.stringContaining('npm run build') });
  });
});
