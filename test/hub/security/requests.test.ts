/** What somebody with ill will can send to the hub's HTTP side, and what it makes of it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Problem } from '@lineside/shared/contracts/api.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gatewayStatus } from '../../services/hub-world.ts';
import { startTestHub, type TestHub } from '../../services/test-hub.ts';

const PARTNER = 'https://reports.example';
const HEADERS_MS = 400;
const REQUEST_MS = 800;
const IDLE_MS = 700;
/** Words that break out of somewhere, were they not kept as what they are. */
const INJECTIONS = [
  `' or '1'='1`,
  `'; drop table alarms; --`,
  `" ; select pg_sleep(10) ; --`,
  "\\'); delete from users where ('1'='1",
  'a b,c=d"e\\ f\nspeed,tag=1 value=1 1',
  'x$\u007bjndi:ldap://x}',
  '{{7*7}}<script>alert(1)</script>',
  '../../../../etc/passwd',
  '%s%n',
  'ünïcode 😀',
];

let hub: TestHub;
let cookie: string;
let port: number;

beforeAll(async () => {
  const limits = { headersMs: HEADERS_MS, requestMs: REQUEST_MS, idleMs: IDLE_MS, requestsAMinute: 1_000 };
  hub = await startTestHub({ http: { limits, cors: { origins: [PARTNER] } } });
  cookie = await hub.signIn();
  port = Number(new URL(hub.url).port);
  const tag = { gateway: 'line-1', device: 'packer', unit: '', description: '', type: 'float64' as const };
  hub.board.catalog.add(INJECTIONS.map((name, i) => ({ ...tag, id: i + 1, name })));
  hub.board.catalog.add([{ ...tag, id: 1_000, name: 'setpoint', writable: true }]);
  hub.board.report(gatewayStatus());
});
afterAll(() => hub.close());

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${hub.url}${path}`, { ...init, headers: { cookie, ...(init.headers as Record<string, string>) } });
}

function post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return call(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
}

const json = async (response: Response) => (await response.json()) as Problem & { items: unknown[] };

/** Sends bytes as they are, and gives what comes back until the hub hangs up. */
async function raw(text: string, more?: (socket: Socket) => void): Promise<{ answer: string; tookMs: number }> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (data) => {
    answer += data;
  });
  socket.on('error', () => undefined);
  const begin = performance.now();
  socket.write(text);
  more?.(socket);
  await new Promise((resolve) => socket.on('close', resolve));
  return { answer, tookMs: performance.now() - begin };
}

describe('words that break out of somewhere', () => {
  test.each(INJECTIONS)('%s finds nothing, changes nothing, and is never a fault of the hub', async (word) => {
    const text = encodeURIComponent(word);
    const tables = ['users', 'alarms', 'writes'] as const;
    const before = await Promise.all(
      tables.map((table) =>
        hub.stores.db
          .selectFrom(table)
          .select((e) => e.fn.countAll().as('n'))
          .execute(),
      ),
    );
    for (const query of ['gateway', 'device', 'rule', 'machine', 'under']) {
      const response = await call(`/api/v1/alarms?${query}=${text}`);
      expect([query, response.status, (await json(response)).items]).toEqual([query, 200, []]);
    }
    for (const query of ['gateway', 'device', 'tag', 'user']) {
      expect((await json(await call(`/api/v1/writes?${query}=${text}`))).items).toEqual([]);
    }
    for (const path of [
      'alarms?cursor=',
      'writes?cursor=',
      'tags?cursor=',
      'equipment?cursor=',
      'alarms?sort=',
      'alarms?state=',
      'tags?ids=',
    ]) {
      expect([path, (await call(`/api/v1/${path}${text}`)).status]).toEqual([path, 400]);
    }
    for (const path of ['alarms/', 'gateways/', 'machines/', 'sites/', 'equipment/']) {
      expect([path, (await call(`/api/v1/${path}${text}`)).status]).toEqual([path, 404]);
    }
    // As the name of a tag it is a name like any other.
    const named = await json(await call(`/api/v1/tags?name=${encodeURIComponent(word.replaceAll(/[*?]/g, '?'))}`));
    expect(named.items).toMatchObject([{ name: word }]);
    const after = await Promise.all(
      tables.map((table) =>
        hub.stores.db
          .selectFrom(table)
          .select((e) => e.fn.countAll().as('n'))
          .execute(),
      ),
    );
    expect(after).toEqual(before);
  });

  test('a NUL is refused everywhere, and never reaches a database', async () => {
    for (const path of ['alarms?gateway=%00', 'writes?user=a%00b', 'alarms/%00', 'gateways/a%00', 'tags?name=%00']) {
      expect([path, (await call(`/api/v1/${path}`)).status]).toEqual([path, 400]);
    }
  });
});

describe('addresses', () => {
  test.each([
    ...['/../package.json', '/..%2fpackage.json', '/%2e%2e/%2e%2e/package.json', '/..%5c..%5cpackage.json'],
    ...['/assets/../../package.json', '/docs/static/..%2f..%2fpackage.json', '/docs/static/%2e%2e/index.js'],
    ...['/redoc/..%2f..%2fpackage.json', '/docs/problems/..%2f..%2f', '/docs/problems/__proto__', '/%00', '/.env'],
  ])('%s leads out of no folder', async (path) => {
    const { answer } = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 (400|403|404) /);
    expect(answer).not.toContain('"dependencies"');
  });

  test.each([
    '//evil.example',
    '/\\evil.example',
    '//evil.example/docs',
    '/docs//evil.example',
    '/docs/static/index.html?u=//evil.example',
  ])('%s sends nobody elsewhere', async (path) => {
    const { answer } = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const [, to] = /^location: (.*)$/im.exec(answer) ?? [];
    if (to !== undefined) expect(to).toMatch(/^\/[^/\\]/);
  });

  test.each(['TRACE', 'CONNECT', 'PROPFIND', 'FOO', 'get'])('the method %s does nothing', async (method) => {
    const { answer } = await raw(
      `${method} /api/v1/me HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).not.toMatch(/^HTTP\/1\.1 2/);
    expect(answer).not.toContain('admin');
  });

  test('a method is not changed by a header or the query', async () => {
    for (const name of ['x-http-method-override', 'x-method-override', 'x-http-method']) {
      const response = await call('/api/v1/me?_method=DELETE', { headers: { [name]: 'DELETE' } });
      expect(response.status).toBe(200);
    }
  });
});

describe('bodies', () => {
  test('that are too long are refused before they are read to their end', async () => {
    const { answer } = await raw(
      `POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{"name":"`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    const chunked = await raw(
      'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      (socket) => {
        for (let i = 0; i < 5; i++) socket.write(`4000\r\n${'a'.repeat(0x4000)}\r\n`);
      },
    );
    expect(chunked.answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test.each<[what: string, body: string]>([
    ['ten thousand lists in each other', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['ten thousand objects in each other', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['a prototype', '{"value":1,"__proto__":{"isAdmin":true}}'],
    ['a constructor', '{"value":1,"constructor":{"prototype":{"isAdmin":true}}}'],
    ['a number beyond all', '{"value":1e999}'],
    ['a text of NULs for a number', '{"value":{"\\u0000":1}}'],
  ])('%s is refused, and nothing is other than before', async (_what, body) => {
    const response = await post('/api/v1/tags/1/write', body);
    expect([response.status, (await json(response)).code]).toEqual([400, 'REQUEST_INVALID']);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  test('that unpack to more than they are, are not unpacked', async () => {
    expect((await post('/api/v1/login', 'a'.repeat(64), { 'content-encoding': 'gzip' })).status).toBe(400);
  });
});

describe('heads', () => {
  test('too long a head is refused', async () => {
    const { answer } = await raw(`GET /health HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('two lengths, or a length and chunks, are refused: no request hides in another', async () => {
    const two = await raw(
      'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}',
    );
    expect(two.answer).toMatch(/^HTTP\/1\.1 400 /);
    const both = await raw(
      'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
    );
    expect(both.answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('an id of a request that could break a log is replaced, a sane one is kept', async () => {
    const given = async (id: string) =>
      (await call('/api/v1/nothing', { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await given('order-4711:3')).toBe('order-4711:3');
    for (const id of ['a b', '{"level":60}', 'x'.repeat(101), '']) expect(await given(id)).toMatch(/^[\da-f-]{36}$/);
    const problem = await json(await call('/api/v1/nothing', { headers: { 'x-request-id': 'mine' } }));
    expect(problem).toMatchObject({ requestId: 'mine', type: '/docs/problems/NOT_FOUND' });
  });

  test('nobody who is not a trusted proxy says where a request comes from', async () => {
    const response = await post('/api/v1/login', '{"name":"x","password":"y"}', {
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '9.9.9.9',
      host: 'x',
    });
    expect(response.status).toBe(401);
    const { answer } = await raw(
      `POST /api/v1/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-Proto: https\r\nContent-Type: application/json\r\nContent-Length: ${42 + hub.password.length - 8}\r\n\r\n${JSON.stringify({ name: 'admin', password: hub.password }).padEnd(42 + hub.password.length - 8)}`,
    );
    expect(answer).toMatch(/set-cookie: lineside_session=/i);
    expect(answer).not.toMatch(/secure/i);
  });
});

describe('clients that take their time', () => {
  test('are let go when the head does not come, byte by byte or not at all', async () => {
    let timer: NodeJS.Timeout | undefined;
    const drip = await raw('GET /health HTTP/1.1\r\nHost: x\r\nX-A: ', (socket) => {
      timer = setInterval(() => socket.write('a'), 50);
    });
    clearInterval(timer);
    // The word of it may be lost: the hub hangs up while there is something to read.
    expect(drip.answer).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(drip.tookMs).toBeGreaterThanOrEqual(HEADERS_MS - 50);
  });

  test('are let go when the body does not come', async () => {
    let timer: NodeJS.Timeout | undefined;
    const { answer, tookMs } = await raw(
      'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
      (socket) => {
        timer = setInterval(() => socket.write(' '), 50);
      },
    );
    clearInterval(timer);
    expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(tookMs).toBeGreaterThanOrEqual(REQUEST_MS - 50);
    expect((await call('/health')).status).toBe(200);
  });

  test('are let go when they say nothing; one that waits for the hub is not, however long that takes', async () => {
    expect((await raw('')).tookMs).toBeGreaterThanOrEqual(HEADERS_MS - 50);
    // No gateway answers this write for twice as long as a client may be silent.
    const begin = performance.now();
    const answer = await post('/api/v1/tags/1000/write', '{"value":1}');
    expect([answer.status, (await json(answer)).code]).toEqual([504, 'WRITE_UNKNOWN']);
    expect(performance.now() - begin).toBeGreaterThan(2 * IDLE_MS);
  });

  test('are let go when they do not take what they have asked for', async () => {
    const accepted = once(hub.app.server, 'connection');
    const socket = connect(port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    const [theirs] = (await accepted) as [Socket];
    // One answer behind the other, until no more of them fits into what lies between.
    socket.write(`GET /api/openapi.json HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`.repeat(200));
    await once(theirs, 'close');
    socket.destroy();
  });
});

describe('pages of other addresses', () => {
  const preflight = (origin: string) =>
    call('/api/v1/tags/1/write', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  test('read nothing and change nothing, unless they are listed', async () => {
    expect((await preflight(PARTNER)).headers.get('access-control-allow-origin')).toBe(PARTNER);
    const evil = await preflight('https://evil.example');
    expect(evil.headers.get('access-control-allow-origin')).toBeNull();
    const read = await call('/api/v1/me', { headers: { origin: 'https://evil.example' } });
    expect(read.headers.get('access-control-allow-origin')).toBeNull();
    const allowed = await call('/api/v1/me', { headers: { origin: PARTNER } });
    expect(allowed.headers.get('access-control-allow-origin')).toBe(PARTNER);
    // A cookie never goes along: a listed page has a key.
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    expect((await json(await post('/api/v1/tags/1/write', '{"value":1}', { origin: PARTNER }))).code).toBe(
      'ORIGIN_REFUSED',
    );
  });
});

describe('what somebody may take', () => {
  test('answers are compressed and told as unchanged for whoever wants that', async () => {
    const plain = await call('/api/openapi.json', { headers: { 'accept-encoding': 'identity' } });
    const packed = await call('/api/openapi.json', { headers: { 'accept-encoding': 'br, gzip' } });
    expect(packed.headers.get('content-encoding')).toBe('br');
    expect(Number(packed.headers.get('content-length'))).toBeLessThan(
      Number(plain.headers.get('content-length')) / 4,
    );
    const etag = plain.headers.get('etag')!;
    expect(packed.headers.get('etag')).toBe(etag);
    for (const tag of [etag, `"other", ${etag}`, etag.slice(2), '*']) {
      const again = await call('/api/openapi.json', { headers: { 'if-none-match': tag } });
      expect([again.status, await again.text()]).toEqual([304, '']);
    }
    expect((await call('/api/openapi.json', { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
    const head = await call('/api/openapi.json', { method: 'HEAD', headers: { 'if-none-match': etag } });
    expect([head.status, await head.text()]).toEqual([304, '']);
    expect((await call('/api/v1/me')).headers.get('cache-control')).toBe('private, no-cache');
  });

  test('a user who asks too often is told to wait; the others go on', async () => {
    const other = await hub.signIn();
    let last: Response | undefined;
    for (let i = 0; i < 1_100 && last?.status !== 429; i++) last = await call('/api/v1/me');
    expect(last!.status).toBe(429);
    expect(Number(last!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await json(last!)).code).toBe('TOO_MANY_REQUESTS');
    // Another session is the same user; nobody signed in from the same address is somebody else.
    expect((await call('/api/v1/me', { headers: { cookie: other } })).status).toBe(429);
    expect((await fetch(`${hub.url}/health`)).status).toBe(200);
  });
});
