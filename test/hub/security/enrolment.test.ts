/** The one door of the API at which somebody without any account may ask for something: `/enrol`. */
import type { Problem } from '@lineside/shared/contracts/api.ts';
import { parseToken, prove } from '@lineside/shared/enrolment/token.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey, requestFor } from '../../../gateway/identity/key-and-request.ts';
import { actorNamed } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

/** As the route has it, from one address in a minute. */
const MOST = 20;
let hub: TestHub;

beforeAll(async () => {
  hub = await startTestHub({ http: { trustedProxies: ['127.0.0.1'] } });
});
afterAll(() => hub.close());

async function ask(body: unknown, from: string) {
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': from };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${hub.url}/api/v1/enrol`, { method: 'POST', headers, body: text });
  return { response, problem: (await response.json()) as Problem };
}

/** What a gateway would ask with a token. */
async function requestWith(token: string, change: object = {}) {
  const { gateway, id, secret } = parseToken(token)!;
  const open = { token: id, gateway, csr: await requestFor(gateway, await newKey()), at: Date.now() };
  return { ...open, proof: prove(secret, open), ...change };
}

test('who guesses is stopped after twenty a minute, and others come in all the same', async () => {
  const { token } = await hub.enrolment.createToken('line-1', actorNamed('anna'));
  const guess = await requestWith(token, { proof: '0'.repeat(64) });
  const answers: string[] = [];
  for (let tries = 0; tries < MOST + 3; tries++) {
    const { response, problem } = await ask(guess, '192.0.2.1');
    answers.push(`${response.status} ${problem.code}`);
    if (response.status === 429) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(answers).toEqual([
    ...Array<string>(MOST).fill('401 ENROLMENT_REFUSED'),
    ...Array<string>(3).fill('429 TOO_MANY_REQUESTS'),
  ]);
  // The right one from that address waits too; the sign-in there, and another address, do not.
  expect((await ask(await requestWith(token), '192.0.2.1')).response.status).toBe(429);
  const other = { headers: { 'x-forwarded-for': '192.0.2.1' } };
  expect((await fetch(`${hub.url}/api/v1/sign-in`, other)).status).toBe(200);
  expect((await ask(await requestWith(token), '192.0.2.2')).response.status).toBe(200);
});

test('an unknown token, a wrong proof and a known gateway are answered alike', async () => {
  const { token } = await hub.enrolment.createToken('line-2', actorNamed('anna'));
  const good = await requestWith(token);
  const details = new Set<string>();
  for (const change of [{ token: 'a'.repeat(good.token.length) }, { proof: 'f'.repeat(64) }, { gateway: 'line-3' }]) {
    const { response, problem } = await ask({ ...good, ...change }, '192.0.2.3');
    expect([response.status, problem.code]).toEqual([401, 'ENROLMENT_REFUSED']);
    details.add(problem.detail);
  }
  expect(details.size).toBe(1);
});

test.each<[what: string, body: string, status: number]>([
  ['a request of 100 KiB', JSON.stringify({ token: 'a', csr: 'x'.repeat(100_000) }), 413],
  ['no JSON', '{', 400],
  ['a field too many', JSON.stringify({ token: 'a', admin: true }), 400],
])('%s is refused as what it is', async (_what, body, status) => {
  expect((await ask(body, '192.0.2.4')).response.status).toBe(status);
});
