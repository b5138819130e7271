import { request } from 'node:http';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Machine, OCCURRENCE, serverOf } from './fixture.ts';

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** fetch() does not let a test choose Host and Origin. */
function ask(url: string, method = 'GET', headers: Record<string, string> = {}, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function start() {
  const machine = new Machine();
  const server = serverOf(machine);
  await server.start();
  const acknowledge = (body: string, headers: Record<string, string> = {}, occurrence = OCCURRENCE) =>
    ask(
      `${server.url}/api/alarms/${occurrence}/acknowledge`,
      'POST',
      { 'content-type': 'application/json', ...headers },
      body,
    );
  return { machine, server, url: server.url, port: new URL(server.url).port, acknowledge };
}

describe('what it serves', () => {
  test.each([
    ['/', 'text/html; charset=utf-8', '<!doctype html>'],
    ['/page.css', 'text/css; charset=utf-8', '{'],
    ['/page.js', 'text/javascript; charset=utf-8', 'fetch('],
  ])('%s', async (path, type, content) => {
    const { url } = await start();
    const { status, headers, body } = await ask(`${url}${path}`);
    expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type });
    expect(body).toContain(content);
  });

  test('the status as JSON, made anew for each request', async () => {
    const { url, machine } = await start();
    const read = async () => JSON.parse((await ask(`${url}/api/status`)).body);
    expect(await read()).toMatchObject({
      status: { gateway: 'line-1', devices: [{ device: 'press' }, { device: 'pump', state: 'down' }] },
      alarms: [{ id: OCCURRENCE, state: 'unacknowledged' }],
      link: { connected: false },
    });
    machine.state = 'returned';
    expect(await read()).toMatchObject({ alarms: [{ state: 'returned' }] });
  });

  test('nothing else, and everything under a policy that lets in nothing from outside', async () => {
    const { url } = await start();
    for (const path of ['/', '/api/status', '/nothing', '/../package.json', '/page/page.js']) {
      const { status, headers } = await ask(`${url}${path}`);
      expect(headers['content-security-policy'], path).toMatch(
        /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'/,
      );
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['cache-control']).toBe('no-store');
      if (path !== '/' && path !== '/api/status') expect(status, path).toBe(404);
    }
  });
});

describe('acknowledging', () => {
  test('is passed on with the place where it was done', async () => {
    const { acknowledge, machine } = await start();
    const { status, body } = await acknowledge('{"by":"Ann","comment":"pump on"}');
    expect({ status, body }).toEqual({ status: 200, body: '{"acknowledged":true}' });
    expect(machine.acknowledged).toEqual([
      { occurrence: OCCURRENCE, by: 'Ann (at the machine)', comment: 'pump on' },
    ]);
  });

  test('what is over is 409 with the reason', async () => {
    const { acknowledge } = await start();
    const { status, body } = await acknowledge('{"by":"Ann"}', {}, 'other');
    expect(status).toBe(409);
    expect(JSON.parse(body)).toEqual({ error: 'this alarm is over or has been acknowledged already' });
  });

  test.each([
    ['no body', ''],
    ['no JSON', '{"by"'],
    ['nobody', '{"comment":"x"}'],
    ['an empty name', '{"by":""}'],
    ['a name without end', JSON.stringify({ by: 'x'.repeat(65) })],
    ['a comment without end', JSON.stringify({ by: 'Ann', comment: 'x'.repeat(501) })],
    ['null', 'null'],
  ])('%s is 400', async (_name, body) => {
    const { acknowledge, machine } = await start();
    expect((await acknowledge(body)).status).toBe(400);
    expect(machine.acknowledged).toEqual([]);
  });

  test('a body that is too large or of a form’s type is refused', async () => {
    const { acknowledge, machine } = await start();
    expect((await acknowledge(JSON.stringify({ by: 'Ann', comment: 'x'.repeat(20_000) }))).status).toBe(413);
    expect((await acknowledge('by=Ann', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
    expect(machine.acknowledged).toEqual([]);
  });
});

describe('another site’s page in the technician’s browser', () => {
  test.each([
    ['a name that points here', { host: 'evil.example' }],
    ['such a name with the port', { host: 'evil.example:PORT' }],
    ['a name that begins like ours', { host: '127.0.0.1.evil.example' }],
    ['another origin', { origin: 'http://evil.example' }],
    ['an origin on another port', { origin: 'http://127.0.0.1:1' }],
    ['no origin at all, as a sandboxed frame has', { origin: 'null' }],
    ['our name by https', { origin: 'https://127.0.0.1:PORT' }],
  ])('%s is refused', async (_name, headers) => {
    const { url, port, acknowledge, machine } = await start();
    const sent = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, v.replace('PORT', port)]));
    expect((await ask(`${url}/api/status`, 'GET', sent)).status).toBe(403);
    expect((await acknowledge('{"by":"Ann"}', sent)).status).toBe(403);
    expect(machine.acknowledged).toEqual([]);
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])('%s is our own', async (name) => {
    const { port, acknowledge } = await start();
    const { status } = await acknowledge('{"by":"Ann"}', {
      host: `${name}:${port}`,
      origin: `http://${name}:${port}`,
    });
    expect(status).toBe(200);
  });
});

describe('metrics', () => {
  test('are served as text under the rules of the page', async () => {
    const server = serverOf(new Machine(), 0, '127.0.0.1', ['GW1.plant.example']);
    await server.start();
    const { port } = new URL(server.url);
    const read = (host: string) => ask(`${server.url}/metrics`, 'GET', { host });
    for (const host of [`127.0.0.1:${port}`, `gw1.plant.example:${port}`]) {
      const { status, headers, body } = await read(host);
      expect({ status, type: headers['content-type'] }).toEqual({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
      });
      expect(body).toBe('lineside_gateway_tags 3\n');
    }
    expect((await read(`other.plant.example:${port}`)).status).toBe(403);
  });
});

describe('a port', () => {
  test('that is taken is named with the setting', async () => {
    const { port } = await start();
    const error = await serverOf(new Machine(), Number(port))
      .start()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'PORT_TAKEN',
      blame: 'config',
      message: `port ${port} on 127.0.0.1 is taken by another program; set local.port in the gateway's configuration`,
    });
  });

  test('on an address that is not ours is named with the settings', async () => {
    const error = await serverOf(new Machine(), 0, '192.0.2.77')
      .start()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PORT_UNUSABLE', message: expect.stringContaining('192.0.2.77') });
  });

  test('is free again after stop, also while a browser holds its connection', async () => {
    const { server, port } = await start();
    await fetch(`${server.url}/api/status`);
    await server.stop();
    await server.stop();
    const again = createServer();
    onTestFinished(() => void again.close());
    await new Promise<void>((resolve, reject) => {
      again.once('error', reject);
      again.listen(Number(port), '127.0.0.1', resolve);
    });
    expect(server.url).toBe('');
  });
});
