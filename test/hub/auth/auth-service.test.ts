import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuthService, SESSION_MS } from '../../../hub/auth/auth-service.ts';
import { LoginThrottle } from '../../../hub/auth/login-throttle.ts';
import { generatePassword } from '../../../hub/auth/password.ts';
import type { ThrottledError } from '../../../hub/auth/throttled-error.ts';
import { type HubStores, openStores } from '../../services/hub-stores.ts';

let stores: HubStores;
let now = 1_000_000;
let password = '';
let auth: AuthService;
let address = 0;

const service = () =>
  new AuthService({ db: stores.db, firstPasswordFile: join(stores.dir, 'first-password'), now: () => now });
const next = () => ({ address: `192.0.2.${++address}`, requestId: 'r' });
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  );

beforeAll(async () => {
  stores = await openStores();
});
afterAll(() => stores.close());

describe('signing in', () => {
  test('a new hub has one user, whose password stands in a file that only the hub’s user can read', async () => {
    const file = join(stores.dir, 'first-password');
    await writeFile(file, 'left behind by a crash, for all to read\n', { mode: 0o644 });
    auth = service();
    const first = await auth.start();
    expect(first).toEqual({ user: 'admin', password: expect.stringMatching(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/) });
    password = first!.password;
    expect(await readFile(file, 'utf8')).toBe(`${password}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const again = service();
    expect(await again.start()).toBeNull();
    expect(await readFile(file, 'utf8')).toBe(`${password}\n`);
    expect(again.firstPasswordFile).toBe(file);
    const row = await stores.db.selectFrom('users').selectAll().executeTakeFirstOrThrow();
    expect(row.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  test('gives a token of which the store keeps only a digest, good until signing out', async () => {
    const { identity, token } = await auth.login('admin', password, next());
    expect(identity).toMatchObject({ kind: 'user', name: 'admin', role: 'admin', sites: null });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify(await stores.db.selectFrom('sessions').selectAll().execute())).not.toContain(token);
    expect(await auth.session(token)).toEqual(identity);
    await auth.logout(token, next());
    expect(await auth.session(token)).toBeNull();
    await auth.logout(token, next());
    expect(await auth.session('nonsense')).toBeNull();
  });

  test('a session lives on while it is used, and ends when it is not', async () => {
    const { token } = await auth.login('admin', password, next());
    for (let use = 0; use < 3; use++) {
      now += SESSION_MS - 1;
      expect(await auth.session(token)).not.toBeNull();
    }
    now += SESSION_MS;
    expect(await auth.session(token)).toBeNull();
  });

  test('an unknown name and a wrong password cannot be told apart, also not by the time they take', async () => {
    const refusal = async (name: string) => {
      const begin = performance.now();
      const error = await auth.login(name, 'wrong', next()).catch((caught: Error & { code: string }) => caught);
      const { message, code: said } = error as Error & { code: string };
      return { message, said, took: performance.now() - begin };
    };
    await refusal('warm-up');
    const [unknown, wrong] = [await refusal('nobody'), await refusal('admin')];
    expect(unknown.message).toBe(wrong.message);
    expect([unknown.said, wrong.said]).toEqual(['LOGIN_REFUSED', 'LOGIN_REFUSED']);
    // Hashing takes tens of milliseconds; without it an unknown name would be refused in one or two.
    expect(Math.min(unknown.took, wrong.took)).toBeGreaterThan(6);
    now += 3_600_000;
    await auth.login('admin', password, next());
  });

  test('after five failures a name has to wait, from wherever it is tried, with the right password too', async () => {
    for (let i = 0; i < 5; i++) expect(await code(auth.login('admin', 'wrong', next()))).toBe('LOGIN_REFUSED');
    const error = await auth.login('admin', password, next()).catch((caught: ThrottledError) => caught);
    expect(error).toMatchObject({ code: 'LOGIN_THROTTLED', seconds: 2 });
    now += 2_000;
    expect(await code(auth.login('admin', password, next()))).toBe('ok');
  });

  test('after five failures an address has to wait, whichever name it tries; others need not', async () => {
    const from = next();
    for (let i = 0; i < 5; i++) expect(await code(auth.login(`name-${i}`, 'wrong', from))).toBe('LOGIN_REFUSED');
    expect(await code(auth.login('admin', password, from))).toBe('LOGIN_THROTTLED');
    expect(await code(auth.login('admin', password, next()))).toBe('ok');
  });

  test('guesses that are made at once are counted before they are checked', async () => {
    const from = next();
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) => code(auth.login(`at-once-${i}`, 'x', from))),
    );
    expect(results.filter((result) => result === 'LOGIN_REFUSED')).toHaveLength(5);
  });
});

describe('the throttle', () => {
  test('doubles the wait up to a quarter of an hour and forgets with a success', () => {
    const throttle = new LoginThrottle();
    const waits = Array.from({ length: 20 }, () => {
      throttle.failed(['a'], 0);
      return throttle.waitFor(['a'], 0) / 1_000;
    });
    expect(waits.slice(0, 8)).toEqual([0, 0, 0, 0, 2, 4, 8, 16]);
    expect(waits.at(-1)).toBe(900);
    expect(throttle.waitFor(['a', 'b'], 0)).toBe(900_000);
    throttle.succeeded(['a']);
    expect(throttle.waitFor(['a'], 0)).toBe(0);
  });

  test('remembers ten thousand at most', () => {
    const throttle = new LoginThrottle();
    for (let i = 0; i < 5; i++) throttle.failed(['first'], 0);
    for (let i = 0; i < 9_999; i++) throttle.failed([`${i}`], 0);
    expect(throttle.waitFor(['first'], 0)).toBe(2_000);
    throttle.failed(['one more'], 0);
    expect(throttle.waitFor(['first'], 0)).toBe(0);
  });

  test('passwords are made of what cannot be misread, and no two are alike', () => {
    const made = new Set(Array.from({ length: 200 }, generatePassword));
    expect(made.size).toBe(200);
    for (const one of made) expect(one).not.toMatch(/[lo01]/);
  });
});
