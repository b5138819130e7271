/** What an integrator reads of a request that does not fit, against the real server: which part, and what would. */
import type { Problem } from '@lineside/shared/contracts/api.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

let hub: TestHub;
let cookie: string;
beforeAll(async () => {
  hub = await startTestHub();
  cookie = await hub.signIn();
});
afterAll(() => hub.close());

test.each<[path: string, body: object | null, detail: string | RegExp]>([
  ['tags?sort=colour', null, /^query: sort must be one of name, -name, /],
  ['tags?colour=red', null, 'query: there is no colour'],
  ['tags?colour=red&limit=0', null, 'query: there is no colour; query: limit must be >= 1'],
  ['tags/1/history?from=1', null, 'query: to is missing'],
  ['tags/speed', null, 'address: id must be integer'],
  ['users', { name: 'anna' }, 'body: role is missing'],
  ['users', { name: 'anna', role: 'boss' }, /^body: role must be one of operator, supervisor, .*admin$/],
  ['users', { name: 'anna', role: 'operator', sites: [] }, 'body: sites must not have fewer than 1 items'],
  ['users', { name: 'anna', role: 'operator', admin: true }, 'body: there is no admin'],
  ['keys', { name: 'k', scopes: ['users.manage'], expiresAt: null }, /^body: scopes\/0 must be one of .*tags\.read/],
])('%s %j', async (path, body, detail) => {
  const answer = await hub.app.inject({
    ...{ method: body ? 'POST' : 'GET', url: `/api/v1/${path}`, headers: { cookie } },
    ...(body && { payload: body }),
  });
  const problem = answer.json() as Problem;
  expect([answer.statusCode, problem.code]).toEqual([400, 'REQUEST_INVALID']);
  expect(problem.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
});
