import type { AuditEntry, SignInWays } from '@lineside/shared/contracts/accounts.ts';
import type { User } from '@lineside/shared/contracts/api.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roleOf, valueAt } from '../../../hub/auth/role-claim.ts';
import { checkAuth, type OidcConfig } from '../../../hub/config/auth.ts';
import { type Person, TestProvider } from '../../services/oidc-provider.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const PUBLIC = 'http://hub.test:8080';
const SETTINGS: Omit<OidcConfig, 'issuer'> = {
  ...{ clientId: 'lineside', publicUrl: PUBLIC, label: 'Sign in with Acme', scopes: ['openid', 'profile'] },
  ...{ nameClaim: 'preferred_username', roleClaim: 'groups', allowHttp: true },
  roles: [
    { value: 'plant-admins', role: 'admin' },
    { value: 'plant-engineers', role: 'engineer' },
    { value: 'line-crew', role: 'operator', sites: ['acme/site'] },
  ],
};

let provider: TestProvider;
let hub: TestHub;

beforeAll(async () => {
  const callbackUrl = `${PUBLIC}/api/v1/oidc/callback`;
  provider = await TestProvider.start({ id: 'lineside', secret: 'secret', callbackUrl });
  hub = await startTestHub({ oidc: { ...SETTINGS, issuer: provider.issuer } });
});
afterAll(async () => {
  await hub.close();
  await provider.stop();
});

/** The address in the hub that a browser comes back to, and its cookie. */
async function comeBack(person: Person): Promise<{ url: string; cookie: string }> {
  provider.person = person;
  const begin = await hub.app.inject({ url: '/api/v1/oidc/login' });
  expect(begin.statusCode).toBe(302);
  const cookie = String(begin.headers['set-cookie']);
  expect(cookie).toMatch(/; Path=\/api\/v1\/oidc; HttpOnly; SameSite=Lax$/);
  const back = await provider.visit(String(begin.headers.location));
  expect(back).toMatch(`${PUBLIC}/api/v1/oidc/callback?`);
  return { url: back.slice(PUBLIC.length), cookie: cookie.split(';')[0]! };
}

async function finish({ url, cookie }: { url: string; cookie: string }) {
  const { statusCode, headers } = await hub.app.inject({ url, headers: { cookie } });
  const session = [headers['set-cookie']].flat().find((line) => /^lineside_session=[^;]/.test(String(line)));
  return { statusCode, to: headers.location, session: session?.split(';')[0] };
}

const signIn = async (person: Person) => finish(await comeBack(person));

async function me(session: string | undefined): Promise<User> {
  return (await hub.app.inject({ url: '/api/v1/me', headers: { cookie: session ?? '' } })).json();
}

const anna: Person = {
  ...{ sub: 'u-1', preferred_username: 'Anna.Öz@acme.example', name: 'Anna Öz' },
  groups: ['everybody', 'line-crew', 'plant-engineers'],
};

test('somebody comes in as what the provider says, and their rights follow it', async () => {
  const ways = (await hub.app.inject({ url: '/api/v1/sign-in' })).json() as SignInWays;
  expect(ways.provider).toEqual({ label: 'Sign in with Acme', url: '/api/v1/oidc/login' });
  const first = await signIn(anna);
  expect(first).toMatchObject({ statusCode: 302, to: '/' });
  expect(await me(first.session)).toMatchObject({
    ...{ name: 'anna.oz@acme.example', role: 'engineer', sites: null, signsInBy: 'provider' },
  });
  const second = await signIn({ ...anna, preferred_username: 'anna.new', groups: ['line-crew'] });
  const now = { name: 'anna.oz@acme.example', role: 'operator', sites: ['acme/site'] };
  expect(await me(second.session)).toMatchObject(now);
  // Also where they signed in before.
  expect(await me(first.session)).toMatchObject(now);
  const [signedIn, changed] = (await hub.access.audit.list({ target: now.name, sort: '-at', limit: 2 }))
    .items as AuditEntry[];
  expect(signedIn).toMatchObject({ action: 'user.sign-in', after: { way: 'provider' } });
  expect(changed).toMatchObject({ actorKind: 'hub', before: { role: 'engineer' }, after: { role: 'operator' } });
});

test('a user of the provider has no password here, and the provider has the say on the role', async () => {
  const admin = { cookie: await hub.signIn() };
  const name = encodeURIComponent('anna.oz@acme.example');
  const send = async (method: 'POST' | 'PATCH', url: string, payload?: object) => {
    const answer = await hub.app.inject({
      method,
      url: `/api/v1${url}`,
      headers: admin,
      ...(payload && { payload }),
    });
    return `${answer.statusCode} ${answer.json().code ?? ''}`.trim();
  };
  expect(await send('POST', `/users/${name}/reset-password`)).toBe('409 USER_BY_PROVIDER');
  // Taken here, it would be gone with the next sign-in.
  for (const change of [{ role: 'admin' }, { sites: null }, { sites: ['acme'] }, { fullName: 'Anna' }])
    expect(await send('PATCH', `/users/${name}`, change)).toBe('409 USER_BY_PROVIDER');
  expect(await send('PATCH', `/users/${name}`, { role: 'operator', sites: ['acme/site'] })).toBe('200');
  for (const password of ['x', '']) {
    const login = await hub.app.inject({
      ...{ method: 'POST', url: '/api/v1/login', payload: { name: 'anna.oz@acme.example', password } },
    });
    expect(login.statusCode).toBeGreaterThanOrEqual(400);
  }
  expect(await send('PATCH', `/users/${name}`, { disabled: true })).toBe('200');
  expect(await signIn(anna)).toEqual({ statusCode: 302, to: '/?signIn=LOGIN_REFUSED', session: undefined });
});

test('who has no role, no name, or the name of another user does not come in', async () => {
  const to = async (person: Person) => {
    const { to: place, session } = await signIn(person);
    expect(session).toBeUndefined();
    return place;
  };
  expect(await to({ ...anna, sub: 'u-2', groups: ['everybody'] })).toBe('/?signIn=PROVIDER_NO_ROLE');
  expect(await to({ sub: 'u-3', groups: ['plant-admins'] })).toBe('/?signIn=PROVIDER_NO_NAME');
  expect(await to({ ...anna, sub: 'u-4', preferred_username: 'ADMIN', groups: ['plant-admins'] })).toBe(
    '/?signIn=PROVIDER_NAME_TAKEN',
  );
});

test('an answer that this browser has not asked for, or that comes twice, opens nothing', async () => {
  const mine = await comeBack(anna);
  const theirs = await comeBack({ ...anna, sub: 'u-5', preferred_username: 'eve', groups: ['plant-admins'] });
  const refused = async (back: { url: string; cookie: string }) => {
    const { to, session } = await finish(back);
    expect(session).toBeUndefined();
    return to;
  };
  expect(await refused({ url: theirs.url, cookie: mine.cookie })).toBe('/?signIn=PROVIDER_REFUSED');
  expect(await refused({ url: theirs.url, cookie: '' })).toBe('/?signIn=PROVIDER_EXPIRED');
  expect(await refused({ url: theirs.url, cookie: 'lineside_provider=bm9uc2Vuc2U' })).toBe(
    '/?signIn=PROVIDER_EXPIRED',
  );
  expect(await refused({ url: '/api/v1/oidc/callback?error=access_denied', cookie: mine.cookie })).toBe(
    '/?signIn=PROVIDER_REFUSED',
  );
  const { to } = await finish(theirs);
  expect(to).toBe('/');
  expect(await refused(theirs)).toBe('/?signIn=PROVIDER_REFUSED');
});

test('a provider that is away is told at the sign-in page, and passwords still work', async () => {
  const away = await startTestHub({ oidc: { ...SETTINGS, issuer: 'http://127.0.0.1:9' } });
  const begin = await away.app.inject({ url: '/api/v1/oidc/login' });
  expect(begin.headers.location).toBe('/?signIn=PROVIDER_UNREACHABLE');
  expect(await away.signIn()).toMatch(/^lineside_session=/);
  await away.close();
});

test('a role is found in a list or a text, by its name or by dots; the first that fits is taken', () => {
  const { roles } = SETTINGS;
  expect(roleOf(['line-crew', 'plant-admins'], roles)).toEqual({ role: 'admin', sites: null });
  expect(roleOf('line-crew', roles)).toEqual({ role: 'operator', sites: ['acme/site'] });
  expect([roleOf('line-crew,plant-admins', roles), roleOf(undefined, roles), roleOf({}, roles)]).toEqual([
    null,
    null,
    null,
  ]);
  const claims = { realm_access: { roles: ['a'] }, 'https://acme.example/roles': ['b'], list: ['c'] };
  expect(valueAt(claims, 'realm_access.roles')).toEqual(['a']);
  expect(valueAt(claims, 'https://acme.example/roles')).toEqual(['b']);
  expect([valueAt(claims, 'list.length'), valueAt(claims, 'none.roles')]).toEqual([1, undefined]);
  expect(valueAt(claims, '__proto__.constructor')).toBeUndefined();
});

test('a provider without TLS, and sites that cannot be, are problems of the configuration', () => {
  const oidc: OidcConfig = {
    ...{ ...SETTINGS, issuer: 'http://login.example', allowHttp: false },
    roles: [
      { value: 'a', role: 'admin', sites: ['acme'] },
      { value: 'b', role: 'operator', sites: ['acme/nowhere'] },
    ],
  };
  const told = checkAuth({ minPasswordLength: 12, oidc }, new Set(['acme']));
  expect(told.map(({ path }) => path.join('.'))).toEqual([
    'auth.oidc.issuer',
    'auth.oidc.roles.0.sites',
    'auth.oidc.roles.1.sites',
  ]);
});
