import { readFile, stat } from 'node:fs/promises';
import type {
  ApiKeyView,
  ApiKeyWithSecret,
  AuditEntry,
  TokenPair,
  UserAccount,
  UserWithPassword,
} from '@lineside/shared/contracts/accounts.ts';
import type { Overview, Problem, User } from '@lineside/shared/contracts/api.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { PERMISSIONS, type Permission, ROLES, type Role } from '@lineside/shared/contracts/permissions.ts';
import { base64url, type CryptoKey, exportJWK, generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commitRecords } from '../../../hub/store/postgres/ledger.ts';
import { alarmEvent } from '../../services/gateway-records.ts';
import { gatewayStatus, testMachine } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

type Answer<T> = T & Problem;

let hub: TestHub;
let admin: string;
/** A session of each role, and its user's password. */
const sessions = new Map<Role, string>();

const OTHER = testMachine({ path: 'acme/other/area/line/press', name: 'Press', gateway: 'line-2', device: 'press' });
const PASSWORD = 'tractor seven moon';

interface Call {
  session?: string | undefined;
  bearer?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

async function call<T>(method: string, url: string, { session, bearer, body, headers }: Call = {}) {
  const response = await hub.app.inject({
    method: method as 'GET',
    url: url.startsWith('/api/') ? url : `/api/v1${url}`,
    headers: {
      ...(session && { cookie: `lineside_session=${session}` }),
      ...(bearer && { authorization: `Bearer ${bearer}` }),
      ...headers,
    },
    ...(body !== undefined && { payload: body as object }),
  });
  const json = response.body === '' ? null : response.json();
  return { status: response.statusCode, body: json as Answer<T>, headers: response.headers };
}

const code = async (promise: ReturnType<typeof call>) => {
  const { status, body } = await promise;
  return `${status} ${body?.code ?? ''}`.trim();
};

async function signIn(name: string, password: string): Promise<string> {
  const { headers } = await call('POST', '/login', { body: { name, password } });
  return /^lineside_session=([\w-]+);/.exec(String(headers['set-cookie']))![1]!;
}

/** A user with a password of their own. */
async function makeUser(name: string, role: Role, sites: string[] | null = null): Promise<string> {
  const made = await call<UserWithPassword>('POST', '/users', { session: admin, body: { name, role, sites } });
  expect([name, made.status]).toEqual([name, 201]);
  const session = await signIn(name, made.body.password);
  const change = { current: made.body.password, new: PASSWORD };
  expect((await call('POST', '/me/password', { session, body: change })).status).toBe(200);
  return session;
}

async function makeKey(name: string, scopes: Permission[], more: object = {}): Promise<ApiKeyWithSecret> {
  const body = { name, scopes, expiresAt: null, ...more };
  const made = await call<ApiKeyWithSecret>('POST', '/keys', { session: admin, body });
  expect(made.status).toBe(201);
  return made.body;
}

const audit = async (query: string) =>
  (await call<Page<AuditEntry>>('GET', `/audit?${query}`, { session: admin })).body.items;

beforeAll(async () => {
  hub = await startTestHub({ machines: [testMachine(), OTHER] });
  admin = await signIn('admin', hub.password);
  sessions.set('admin', admin);
  for (const role of ROLES) if (role !== 'admin') sessions.set(role, await makeUser(`a-${role}`, role));
  const tag = { unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add([
    { ...tag, id: 1, gateway: 'line-1', device: 'packer', name: 'speed', writable: true },
    { ...tag, id: 2, gateway: 'line-2', device: 'press', name: 'force', writable: true },
  ]);
  hub.board.report(gatewayStatus());
  hub.board.report({ ...gatewayStatus(), gateway: 'line-2' });
});
afterAll(() => hub.close());

describe('every operation of the document', () => {
  interface Operation {
    'x-permission'?: Permission;
    'x-audit'?: string;
  }

  test('does what the table says: whoever has the permission gets past the door, and nobody else', async () => {
    const { body } = await call<{ paths: Record<string, Record<string, Operation>> }>('GET', '/api/openapi.json');
    const nothing = await makeKey('opens nothing', ['jobs.read']);
    const found: string[] = [];
    const refusedActions = new Set<string>();
    for (const [path, operations] of Object.entries(body.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const permission = operation['x-permission'];
        if (!permission) continue;
        found.push(permission);
        const mayOperator = (PERMISSIONS[permission].roles as readonly Role[]).includes('operator');
        if (operation['x-audit'] && !mayOperator) refusedActions.add(operation['x-audit']);
        // Nothing is there by this name: whoever gets past the door changes nothing.
        const url = path.replaceAll(/\{\w+\}/g, '0');
        for (const role of ROLES) {
          const allowed = (PERMISSIONS[permission].roles as readonly Role[]).includes(role);
          const answer = await call(method.toUpperCase(), url, { session: sessions.get(role) });
          const refused = answer.status === 403 && answer.body.code === 'PERMISSION_MISSING';
          expect([method, path, role, answer.status !== 401 && !refused]).toEqual([method, path, role, allowed]);
        }
        // One of these ends all other sessions.
        if (permission === 'account.change') await openSessions();
        if (permission === 'account.read' || permission === 'jobs.read') continue;
        const answer = await call(method.toUpperCase(), url, { bearer: nothing.secret });
        expect([method, path, answer.body.code]).toEqual([method, path, 'PERMISSION_MISSING']);
      }
    }
    expect(found.length).toBeGreaterThan(20);
    expect(new Set(found).size).toBeGreaterThan(8);
    const lines = (await audit('actor=a-operator&limit=200')).filter(({ outcome }) => outcome === 'refused');
    expect(refusedActions.size).toBeGreaterThan(15);
    expect(new Set(lines.map(({ action }) => action))).toEqual(refusedActions);
    const line = lines.find(({ action }) => action === 'user.create');
    expect(line).toMatchObject({ after: { route: 'POST /api/v1/users' } });
  });

  async function openSessions(): Promise<void> {
    for (const role of ROLES) {
      sessions.set(role, await hub.access.sessions.open(role === 'admin' ? 'admin' : `a-${role}`));
    }
    admin = sessions.get('admin')!;
  }
});

describe('users', () => {
  test('begin with a password that is told once, and can do nothing before they have chosen their own', async () => {
    const made = await call<UserWithPassword>('POST', '/users', {
      session: admin,
      body: { name: 'eva', fullName: 'Eva Öz', role: 'engineer' },
    });
    expect(made.body).toMatchObject({
      user: { name: 'eva', role: 'engineer', sites: null, mustChangePassword: true },
    });
    expect(made.headers['cache-control']).toBe('no-store');
    const first = made.body.password;
    const session = await signIn('EVA ', first);
    expect(await code(call('GET', '/overview', { session }))).toBe('403 PASSWORD_CHANGE_REQUIRED');
    expect(await code(call('POST', '/tokens', { body: { name: 'eva', password: first } }))).toBe(
      '403 PASSWORD_CHANGE_REQUIRED',
    );
    const choose = (current: string, next: string) =>
      call('POST', '/me/password', { session, body: { current, new: next } });
    expect(await code(choose('wrong', PASSWORD))).toBe('403 PASSWORD_WRONG');
    expect(await code(choose(first, 'short'))).toBe('400 PASSWORD_REFUSED');
    expect(await code(choose(first, first))).toBe('400 PASSWORD_REFUSED');
    const elsewhere = await signIn('eva', first);
    expect(await code(choose(first, PASSWORD))).toBe('200');
    expect(await code(call('GET', '/overview', { session }))).toBe('200');
    expect(await code(call('GET', '/me', { session: elsewhere }))).toBe('401 SESSION_ENDED');
    expect(await code(call('POST', '/login', { body: { name: 'eva', password: first } }))).toBe('401 LOGIN_REFUSED');
    const stored = JSON.stringify(await audit('target=eva'));
    expect(stored).toContain('user.change-password');
    for (const secret of [first, PASSWORD]) expect(stored).not.toContain(secret);
  });

  test('change at once what they may do, and are out at once when they are disabled', async () => {
    const session = await makeUser('finn', 'operator');
    const tokens = await call<TokenPair>('POST', '/tokens', { body: { name: 'finn', password: PASSWORD } });
    const bearer = tokens.body.accessToken;
    expect(await code(call('GET', '/audit', { session }))).toBe('403 PERMISSION_MISSING');
    const change = (body: object) => call<UserAccount>('PATCH', '/users/finn', { session: admin, body });
    expect((await change({ role: 'manager' })).body).toMatchObject({ role: 'manager', disabled: false });
    expect(await code(call('GET', '/audit', { session }))).toBe('200');
    expect(await code(call('GET', '/audit', { bearer }))).toBe('200');
    await change({ disabled: true });
    expect(await code(call('GET', '/me', { session }))).toBe('401 SESSION_ENDED');
    expect(await code(call('GET', '/me', { bearer }))).toBe('401 SESSION_ENDED');
    expect(await code(call('POST', '/login', { body: { name: 'finn', password: PASSWORD } }))).toBe(
      '401 LOGIN_REFUSED',
    );
    await change({ disabled: false });
    expect(await code(call('POST', '/login', { body: { name: 'finn', password: PASSWORD } }))).toBe('200');
    const [, , disabled, promoted] = await audit('target=finn&action=user.change&limit=4').then((lines) => [
      0,
      ...lines,
    ]);
    expect(disabled).toMatchObject({ actor: 'admin', before: { disabled: false }, after: { disabled: true } });
    expect(promoted).toMatchObject({
      before: { role: 'operator' },
      after: { role: 'manager' },
      address: '127.0.0.1',
    });
  });

  test('whose password was reset come in with the new one only, and have to choose another', async () => {
    const session = await makeUser('gita', 'maintenance');
    const reset = await call<UserWithPassword>('POST', '/users/gita/reset-password', { session: admin });
    expect(await code(call('GET', '/me', { session }))).toBe('401 SESSION_ENDED');
    expect(await code(call('POST', '/login', { body: { name: 'gita', password: PASSWORD } }))).toBe(
      '401 LOGIN_REFUSED',
    );
    const me = await call<User>('POST', '/login', { body: { name: 'gita', password: reset.body.password } });
    expect(me.body).toMatchObject({ name: 'gita', mustChangePassword: true });
    expect(await code(call('DELETE', '/users/gita', { session: admin }))).toBe('204');
    expect(await code(call('GET', '/users/gita', { session: admin }))).toBe('404 USER_NOT_FOUND');
  });

  test('the last administrator stays one, whatever is tried', async () => {
    const change = (name: string, body: object) => code(call('PATCH', `/users/${name}`, { session: admin, body }));
    expect(await change('admin', { role: 'engineer' })).toBe('409 LAST_ADMIN');
    expect(await change('admin', { disabled: true })).toBe('409 LAST_ADMIN');
    expect(await code(call('DELETE', '/users/admin', { session: admin }))).toBe('409 LAST_ADMIN');
    const second = await makeUser('hugo', 'admin');
    // Each takes the other's rights at the same time: one of them is too late.
    const both = await Promise.all([
      change('hugo', { role: 'engineer' }),
      code(call('PATCH', '/users/admin', { session: second, body: { role: 'engineer' } })),
    ]);
    expect(both.sort()).toEqual(['200', '409 LAST_ADMIN']);
    const admins = await call<Page<UserAccount>>('GET', '/users?role=admin', { session: admin });
    if (admins.status === 403) {
      expect(await code(call('PATCH', '/users/admin', { session: second, body: { role: 'admin' } }))).toBe('200');
    }
    await change('hugo', { role: 'engineer' });
  });

  test('what cannot be is refused with a code', async () => {
    const make = (body: object) => code(call('POST', '/users', { session: admin, body }));
    expect(await make({ name: 'admin', role: 'operator' })).toBe('409 USER_EXISTS');
    expect(await make({ name: 'Anna', role: 'operator' })).toBe('400 REQUEST_INVALID');
    expect(await make({ name: 'anna', role: 'boss' })).toBe('400 REQUEST_INVALID');
    expect(await make({ name: 'anna', role: 'operator', sites: ['acme/nowhere'] })).toBe('400 SITES_REFUSED');
    expect(await make({ name: 'anna', role: 'admin', sites: ['acme/site'] })).toBe('400 SITES_REFUSED');
    expect(await make({ name: 'anna', role: 'operator', sites: [] })).toBe('400 REQUEST_INVALID');
    const page = await call<Page<UserAccount>>('GET', '/users?limit=2', { session: admin });
    expect(page.body.items.map(({ name }) => name)).toEqual(['a-engineer', 'a-maintenance']);
    const next = await call<Page<UserAccount>>('GET', `/users?limit=2&cursor=${page.body.next}`, { session: admin });
    expect(next.body.items.map(({ name }) => name)).toEqual(['a-manager', 'a-operator']);
  });
});

describe('somebody who is limited to a site', () => {
  test('sees that site and nothing of others, and can set and acknowledge nothing there', async () => {
    const session = await makeUser('iris', 'supervisor', ['acme/site']);
    const alarm = (occurrence: string, device: string) => ({
      ...alarmEvent({ occurrence, device }),
      tag: null,
    });
    for (const [gateway, device] of [
      ['line-1', 'packer'],
      ['line-2', 'press'],
    ] as const) {
      const record = { epoch: 'e', seq: 1, samples: 1, gaps: [], events: [], at: Date.now() };
      const alarmEvents = [alarm(`${gateway}-hot`, device)];
      await hub.alarms.changed(await commitRecords(hub.stores.db, { ...record, gateway, alarmEvents }));
    }
    const get = async <T>(url: string) => (await call<T>('GET', url, { session })).body;
    const overview = await get<Overview>('/overview');
    expect(overview.machines.map(({ path }) => path)).toEqual(['acme/site/area/line/packer']);
    expect(overview.gateways.map(({ id }) => id)).toEqual(['line-1']);
    expect(overview.alarms.map(({ occurrence }) => occurrence)).toEqual(['line-1-hot']);
    expect(await code(call('GET', '/tags/1/history?from=1&to=2', { session }))).toBe('200');
    expect(await code(call('GET', '/tags/2/history?from=1&to=2', { session }))).toBe('404 TAG_NOT_FOUND');
    expect(await code(call('POST', '/tags/2/write', { session, body: { value: 1 } }))).toBe('404 TAG_NOT_FOUND');
    expect(await code(call('POST', '/alarms/line-2-hot/acknowledge', { session, body: {} }))).toBe(
      '404 ALARM_NOT_FOUND',
    );
    expect(hub.asked).toEqual([]);
    expect(JSON.stringify(await get('/alarms'))).not.toContain('line-2');
    expect(JSON.stringify(await get('/machines'))).not.toContain('line-2');
    expect(JSON.stringify(await get('/gateways'))).not.toContain('line-2');
    expect(JSON.stringify(await get('/completeness'))).not.toContain('line-2');
    expect(JSON.stringify(await get('/tags/writable'))).not.toContain('line-2');
    expect(await code(call('POST', '/alarms/line-1-hot/acknowledge', { session, body: {} }))).toBe('200');
    const manager = await makeUser('jana', 'manager', ['acme/site']);
    expect(await code(call('GET', '/audit', { session: manager }))).toBe('403 PERMISSION_MISSING');
  });
});

describe('API keys', () => {
  test('open what their scopes say, from the first to the last moment, and are shown once', async () => {
    const { key, secret } = await makeKey('Grafana 1', ['tags.read', 'plant.read'], { sites: ['acme/other'] });
    expect(secret).toMatch(/^lsk_[\w-]{43}$/);
    expect(secret.startsWith(key.prefix)).toBe(true);
    expect(await code(call('GET', '/tags/2/history?from=1&to=2', { bearer: secret }))).toBe('200');
    expect(await code(call('GET', '/tags/1/history?from=1&to=2', { bearer: secret }))).toBe('404 TAG_NOT_FOUND');
    expect(await code(call('GET', '/alarms', { bearer: secret }))).toBe('403 PERMISSION_MISSING');
    expect(await code(call('POST', '/tags/2/write', { bearer: secret, body: { value: 1 } }))).toBe(
      '403 PERMISSION_MISSING',
    );
    const me = await call<User>('GET', '/me', { bearer: secret });
    expect(me.body).toMatchObject({ name: 'key:Grafana 1', role: null, signsInBy: 'key', sites: ['acme/other'] });
    const listed = await call<Page<ApiKeyView>>('GET', '/keys', { session: admin });
    const shown = listed.body.items.find(({ id }) => id === key.id);
    expect(shown).toMatchObject({ createdBy: 'admin', lastUsedFrom: '127.0.0.1', lastUsedAt: expect.any(Number) });
    const everything = JSON.stringify([
      listed.body,
      await audit(''),
      await hub.stores.db.selectFrom('api_keys').selectAll().execute(),
    ]);
    expect(everything).not.toContain(secret);
    expect(await code(call('DELETE', `/keys/${key.id}`, { session: admin }))).toBe('200');
    expect(await code(call('GET', '/me', { bearer: secret }))).toBe('401 SESSION_ENDED');
    expect(await code(call('DELETE', `/keys/${key.id}`, { session: admin }))).toBe('404 KEY_NOT_FOUND');
  });

  test('that change configurations restart no gateway with one unless they may', async () => {
    const { secret } = await makeKey('configurer', ['gateways.configure']);
    const push = (restart: boolean) =>
      code(call('POST', '/gateways/none/config', { bearer: secret, body: { config: 'a', restart } }));
    expect(await push(true)).toBe('403 PERMISSION_MISSING');
    expect(await push(false)).toBe('404 GATEWAY_NOT_FOUND');
    const body = { gateways: ['none'], config: 'a', restart: true };
    expect(await code(call('POST', '/rollouts', { bearer: secret, body }))).toBe('403 PERMISSION_MISSING');
  });

  test('never manage users or keys, and end by their time', async () => {
    const make = (more: object) => {
      const body = { name: 'other', scopes: ['tags.read'], expiresAt: null, ...more };
      return code(call('POST', '/keys', { session: admin, body }));
    };
    for (const scope of ['users.manage', 'keys.manage', 'account.change', '*']) {
      expect(await make({ scopes: [scope] })).toBe('400 REQUEST_INVALID');
    }
    expect(await make({ expiresAt: Date.now() - 1 })).toBe('400 EXPIRY_PAST');
    expect(await make({ sites: ['acme/nowhere'] })).toBe('400 SITES_REFUSED');
    expect(await make({})).toBe('201');
    expect(await make({})).toBe('409 KEY_EXISTS');
    const { key, secret } = await makeKey('short-lived', ['tags.read'], { expiresAt: Date.now() + 3_600_000 });
    expect(await code(call('GET', '/me', { bearer: secret }))).toBe('200');
    await hub.stores.db.updateTable('api_keys').set({ expires_at: 1 }).where('id', '=', key.id).execute();
    hub.access.forget('key:short-lived');
    expect(await code(call('GET', '/me', { bearer: secret }))).toBe('401 SESSION_ENDED');
  });
});

describe('tokens of clients', () => {
  const issue = async () =>
    (await call<TokenPair>('POST', '/tokens', { body: { name: 'a-engineer', password: PASSWORD } })).body;
  const refresh = (refreshToken: string) => call<TokenPair>('POST', '/tokens/refresh', { body: { refreshToken } });
  const me = (bearer: string) => code(call('GET', '/me', { bearer }));

  test('are good for a quarter of an hour, and for what the user may do', async () => {
    const pair = await issue();
    expect(pair).toMatchObject({ tokenType: 'Bearer', expiresIn: 900, refreshExpiresIn: 604_800 });
    const [header, payload] = pair.accessToken
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(String(Buffer.from(part, 'base64url'))));
    expect(header).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.any(String) });
    expect(payload).toMatchObject({ iss: 'lineside', aud: 'lineside-api', sub: 'a-engineer' });
    expect(payload.exp - payload.iat).toBe(900);
    const { body } = await call<User>('GET', '/me', { bearer: pair.accessToken });
    expect(body).toMatchObject({ name: 'a-engineer', role: 'engineer', signsInBy: 'password' });
    expect(await code(call('GET', '/users', { bearer: pair.accessToken }))).toBe('403 PERMISSION_MISSING');
  });

  test('a refresh token that comes again ends the whole sign-in', async () => {
    const first = await issue();
    const other = await issue();
    const second = (await refresh(first.refreshToken)).body;
    expect(await me(second.accessToken)).toBe('200');
    const stolen = await refresh(first.refreshToken);
    expect([stolen.status, stolen.body.code]).toEqual([401, 'TOKEN_REFUSED']);
    expect(stolen.body.detail).toMatch(/used before/);
    expect(await code(refresh(second.refreshToken))).toBe('401 TOKEN_REFUSED');
    expect(await me(second.accessToken)).toBe('401 SESSION_ENDED');
    expect(await me(first.accessToken)).toBe('401 SESSION_ENDED');
    expect(await me(other.accessToken)).toBe('200');
    expect((await audit('action=token.reuse'))[0]).toMatchObject({ target: 'a-engineer', outcome: 'refused' });
    expect(await code(call('POST', '/tokens/revoke', { body: { refreshToken: other.refreshToken } }))).toBe('204');
    expect(await me(other.accessToken)).toBe('401 SESSION_ENDED');
    expect(await code(refresh('nonsense'))).toBe('401 TOKEN_REFUSED');
  });

  test('forged ones open nothing: no algorithm, another key, another algorithm, expired, for others', async () => {
    const { accessToken } = await issue();
    const [header, payload, signature] = accessToken.split('.') as [string, string, string];
    const { kid } = JSON.parse(String(Buffer.from(header, 'base64url')));
    const claims = JSON.parse(String(Buffer.from(payload, 'base64url')));
    const part = (value: object) => base64url.encode(JSON.stringify(value));
    const own = await generateKeyPair('EdDSA', { extractable: true });
    const { x } = (await hub.stores.db.selectFrom('token_keys').selectAll().executeTakeFirstOrThrow()).public_jwk;
    const sign = (change: object, head: object = {}, key = own.privateKey) =>
      new SignJWT({ ...claims, ...change })
        .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'at+jwt', ...head })
        .sign(key);
    // The public key taken for the secret of an HMAC: what a library does that believes the header.
    const confused = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid, typ: 'at+jwt' })
      .sign(new Uint8Array(Buffer.concat([Buffer.from(String(x), 'base64url')])));
    const right = await realKey();
    expect(await me(await sign({}, {}, right))).toBe('200');
    const now = Math.floor(Date.now() / 1_000);
    const forged: [string, string][] = [
      ['alg none', new UnsecuredJWT(claims).encode()],
      ['alg none with kid', `${part({ alg: 'none', kid, typ: 'at+jwt' })}.${payload}.`],
      ['alg None with the signature', `${part({ alg: 'None', kid, typ: 'at+jwt' })}.${payload}.${signature}`],
      ['wrong key', await sign({})],
      ['key of its own in the header', await sign({}, { jwk: await exportJWK(own.publicKey), kid: undefined })],
      ['unknown kid', await sign({}, { kid: 'other' })],
      ['kid out of a table', await sign({}, { kid: "' or 1=1 --" })],
      ['HMAC by the public key', confused],
      ['other payload', `${header}.${part({ ...claims, sub: 'admin' })}.${signature}`],
      ['no signature', `${header}.${payload}.`],
      ['expired', await sign({ exp: now - 1 }, {}, right)],
      ['without an end', await sign({ exp: undefined }, {}, right)],
      ['for another program', await sign({ aud: 'other' }, {}, right)],
      ['of another issuer', await sign({ iss: 'other' }, {}, right)],
      ['of another kind', await sign({}, { typ: 'JWT' }, right)],
      ['of no sign-in', await sign({ sid: 'none' }, {}, right)],
      ['nonsense', 'a.b.c'],
      ['a refresh token', (await issue()).refreshToken],
    ];
    for (const [what, token] of forged) expect([what, await me(token)]).toEqual([what, '401 SESSION_ENDED']);
    // Whoever sends a bad token is nobody, also with a good cookie beside it.
    expect(await code(call('GET', '/me', { session: admin, bearer: 'a.b.c' }))).toBe('401 SESSION_ENDED');
  });

  /** What only the hub has: its private key. */
  async function realKey() {
    const file = `${hub.stores.dir}/token-key.json`;
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    return (await importJWK(JSON.parse(await readFile(file, 'utf8')), 'EdDSA')) as CryptoKey;
  }
});

describe('pages of other origins', () => {
  test('can use no cookie of a browser here, for nothing that changes something', async () => {
    const headers = { origin: 'https://evil.example', host: 'hub.plant:8080' };
    for (const [method, url] of [
      ['POST', '/users'],
      ['DELETE', '/users/a-operator'],
      ['POST', '/keys'],
      ['POST', '/me/password'],
      ['POST', '/tokens'],
    ] as const) {
      expect(await code(call(method, url, { session: admin, headers, body: {} }))).toBe('403 ORIGIN_REFUSED');
    }
    // A page cannot make a browser add this header by itself.
    const { secret } = await makeKey('from a page', ['plant.read']);
    expect(await code(call('GET', '/overview', { bearer: secret, headers }))).toBe('200');
  });
});

describe('the audit log', () => {
  test('has what was done through the API, by whom and to what, and no secrets', async () => {
    const session = sessions.get('engineer')!;
    hub.board.report(gatewayStatus());
    await call('POST', '/tags/1/write', { session, body: { value: 7, comment: 'trial' } });
    const [write] = await audit('action=tag.write&limit=1');
    expect(write).toMatchObject({
      actor: 'a-engineer',
      actorKind: 'user',
      target: 'line-1/packer/speed',
      outcome: 'unknown',
    });
    expect(write!.after).toMatchObject({ requested: 7, comment: 'trial' });
    const [acknowledged] = await audit('action=alarm.acknowledge&limit=1');
    expect(acknowledged).toMatchObject({ actor: 'iris', target: 'line-1-hot', outcome: 'done' });
    const config = 'password: hunter2\n'.repeat(50);
    const push = call('POST', '/gateways/line-2/config', { session, body: { config } });
    let over = false;
    void push.then(() => {
      over = true;
    });
    while (!over) {
      hub.configs.gone('line-2');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await call('POST', '/gateways/none/config', { session, body: { config } });
    const pushes = await audit('action=gateway.configure&actor=a-engineer');
    expect(JSON.stringify(pushes)).not.toContain('hunter2');
    expect(pushes).toMatchObject([{ target: 'line-2', outcome: 'unknown', after: { characters: config.length } }]);
    const signIns = await audit('action=user.sign-in&target=gita');
    expect(signIns.map(({ outcome }) => outcome)).toEqual(['done', 'refused', 'done']);
    const names = await audit('action=key.create&target=Grafana%201');
    expect(names).toMatchObject([{ actor: 'admin', after: { scopes: ['tags.read', 'plant.read'] } }]);
    expect(await code(call('GET', '/audit?from=5&to=5', { session: admin }))).toBe('400 RANGE_INVALID');
    expect(await code(call('GET', '/audit?cursor=x', { session: admin }))).toBe('400 CURSOR_INVALID');
    const page = await call<Page<AuditEntry>>('GET', '/audit?limit=3', { session: admin });
    const next = await call<Page<AuditEntry>>('GET', `/audit?limit=3&cursor=${page.body.next}`, { session: admin });
    expect(next.body.items[0]!.id).toBeLessThan(page.body.items.at(-1)!.id);
  });
});
