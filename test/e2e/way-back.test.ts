/** The only administrator's password is lost: `hub reset-password`, typed as people do it, at a hub that runs and at one that does not. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { AuditEntry } from '@lineside/shared/contracts/accounts.ts';
import type { User } from '@lineside/shared/contracts/api.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newRelational } from '../services/new-relational.ts';
import { hasPostgres, Postgres } from '../services/postgres.ts';
import { Program, type Told } from '../services/program.ts';
import { pumpPlant } from '../services/pump-plant.ts';
import { tempDirOfFile } from '../services/temp-dir.ts';
import { typed } from '../services/typed.ts';

const OWN = 'tractor seven moon';
const ME = `${userInfo().username} at the hub`;

async function resetPassword(...args: string[]) {
  const done = await typed('hub/main.ts', 'reset-password', ...args);
  return { ...done, out: done.out.trim() };
}

const stores = ['embedded stores', ...(hasPostgres ? ['PostgreSQL'] : [])];

describe.each(stores)('a hub on %s', { timeout: 120_000 }, (kind) => {
  const dir = tempDirOfFile('lineside-way-back-');
  let postgres: Postgres | undefined;
  let hub: Program;
  let told: Told;
  let first: string;

  beforeAll(async () => {
    let relational = '';
    if (kind === 'PostgreSQL') {
      postgres = await Postgres.start();
      const url = postgres.url(await postgres.newDatabase());
      relational = `relational: { url: "${url}", username: postgres, poolSize: 3 }`;
    } else await newRelational(join(dir, 'hub', 'relational'));
    writeFileSync(join(dir, 'plant.yaml'), pumpPlant());
    const rest = `http: { port: 0 }\nmqtt: { port: 0 }\ntimeSeries: { memoryLimit: 128MB }\n${relational}\n`;
    writeFileSync(join(dir, 'hub.yaml'), `plant: plant.yaml\ndataDir: hub\n${rest}`);
    hub = new Program({ name: 'hub', args: ['hub/main.ts', 'run', '--config', join(dir, 'hub.yaml')] });
    told = await hub.start();
    first = String(told.firstPassword);
  });
  afterAll(async () => {
    await hub?.stop().catch(() => undefined);
    await postgres?.dispose();
  });

  const reset = (...args: string[]) => resetPassword(...args, '--config', join(dir, 'hub.yaml'));

  async function call<T>(method: string, path: string, cookie = '', body?: object) {
    const response = await fetch(`${told.url}/api/v1${path}`, {
      ...{ method, headers: { cookie, ...(body && { 'content-type': 'application/json' }) } },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const set = response.headers.get('set-cookie')?.split(';')[0] ?? '';
    return { status: response.status, body: (text ? JSON.parse(text) : null) as T, cookie: set };
  }

  const signIn = (name: string, password: string) => call<User>('POST', '/login', '', { name, password });

  /** Signs in with what was told, chooses another password, and gives the session. */
  async function choose(name: string, password: string, next: string): Promise<string> {
    const { body, cookie } = await signIn(name, password);
    expect(body).toMatchObject({ name, mustChangePassword: true });
    expect((await call('GET', '/overview', cookie)).status).toBe(403);
    expect((await call('POST', '/me/password', cookie, { current: password, new: next })).status).toBe(200);
    return cookie;
  }

  test('that runs lets its administrator back in at once, whoever has tried and failed before', async () => {
    const session = (await signIn('admin', first)).cookie;
    expect((await call('POST', '/users', session, { name: 'hugo', role: 'engineer' })).status).toBe(201);
    expect((await call('PATCH', '/users/hugo', session, { disabled: true })).status).toBe(200);
    let status = 0;
    for (let tries = 0; tries < 10 && status !== 429; tries++) status = (await signIn('admin', 'a guess')).status;
    expect(status).toBe(429);
    const done = await reset('admin');
    expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/^[a-z2-9-]{23}$/) });
    expect((await call('GET', '/me', session)).status).toBe(401);
    expect((await signIn('admin', first)).status).toBe(401);
    expect(existsSync(join(dir, 'hub', 'first-password'))).toBe(false);
    const cookie = await choose('admin', done.out, OWN);
    const { body } = await call<Page<AuditEntry>>('GET', '/audit?action=user.recover', cookie);
    expect(body.items).toMatchObject([
      { actor: ME, actorKind: 'command', target: 'admin', outcome: 'done', after: { mustChangePassword: true } },
    ]);
    expect(JSON.stringify(body)).not.toContain(done.out);
    const enabled = await reset('hugo');
    expect(enabled).toMatchObject({ code: 0, err: expect.stringContaining('was disabled, may come in again') });
    await choose('hugo', enabled.out, `${OWN} too`);
  });

  test('that is stopped lets them back in at its next start', async () => {
    const session = (await signIn('admin', OWN)).cookie;
    await hub.stop();
    const done = await reset('admin');
    expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/^[a-z2-9-]{23}$/) });
    const nobody = await reset('anna');
    expect(nobody).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/no user anna.* admin\. .*--admin/),
    });
    expect(await reset('Anna')).toMatchObject({ code: 1, err: expect.stringContaining('USER_NAME_INVALID') });
    const made = await reset('anna', '--admin');
    expect(made).toMatchObject({ code: 0, err: expect.stringContaining('anna is an administrator now') });
    told = await hub.start();
    expect((await call('GET', '/me', session)).status).toBe(401);
    await choose('admin', done.out, `${OWN} again`);
    const cookie = await choose('anna', made.out, `${OWN} of anna`);
    const { body } = await call<Page<AuditEntry>>('GET', '/audit?action=user.recover&limit=2', cookie);
    expect(body.items.map(({ actor, target }) => [actor, target])).toEqual([
      [ME, 'anna'],
      [ME, 'admin'],
    ]);
  });

  // On a server nobody can see whether it was.
  if (kind === 'PostgreSQL') return;

  test('that was never started says where the first password will be', async () => {
    const other = join(dir, 'new');
    mkdirSync(other);
    writeFileSync(join(other, 'plant.yaml'), pumpPlant());
    writeFileSync(join(other, 'hub.yaml'), 'plant: plant.yaml\ndataDir: hub\n');
    expect(await resetPassword('admin', '--config', join(other, 'hub.yaml'))).toMatchObject({
      ...{ code: 1, out: '', err: expect.stringContaining('HUB_IS_NEW') },
    });
    expect(existsSync(join(other, 'hub'))).toBe(false);
  });
});
