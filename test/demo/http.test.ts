import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlantHttpServer } from '../../demo/http/server.ts';
import { faultNames, machineNames } from '../../demo/machines/machine.ts';
import { PlantFloor } from '../../demo/plant-floor.ts';
import { testOptions } from './plant-fixture.ts';

/** Not started: the page needs the machines, not their wires. */
const floor = new PlantFloor(testOptions());
const http = new PlantHttpServer({ floor, host: '127.0.0.1', port: 0 });
beforeAll(() => http.start());
afterAll(() => http.stop());

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<[number, string]> {
  const response = await fetch(new URL(path, http.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as { error?: string };
  return [response.status, answer.error ?? ''];
}

describe("the demo's HTTP server", () => {
  it('shows every machine with values, and every fault with what it does and what to expect', async () => {
    const state = (await (await fetch(new URL('/api/state', http.url))).json()) as {
      machines: { name: string; values: object[]; faults: { name: string; does: string; expect: string }[] }[];
    };
    expect(state.machines.map((machine) => machine.name)).toEqual(machineNames);
    for (const machine of state.machines) {
      expect(machine.values.length).toBeGreaterThan(5);
      expect(machine.faults.map((fault) => fault.name)).toEqual(faultNames);
      for (const fault of machine.faults)
        expect(Math.min(fault.does.length, fault.expect.length)).toBeGreaterThan(20);
    }
  });

  it('switches a fault on and off, and changes the speed', async () => {
    expect(await post('/api/faults', { machine: 'packer', fault: 'overheat', active: true })).toEqual([200, '']);
    expect([...floor.packer.faults]).toEqual(['overheat']);
    expect(await post('/api/faults', { machine: 'packer', fault: 'overheat', active: false })).toEqual([200, '']);
    expect([...floor.packer.faults]).toEqual([]);
    expect(await post('/api/speed', { speed: 7.5 })).toEqual([200, '']);
    expect(floor.speed).toBe(7.5);
  });

  it.each([
    ['/api/faults', { machine: 'press', fault: 'stop', active: true }, 'packer, moulder, pump'],
    ['/api/faults', { machine: 'packer', fault: 'constructor', active: true }, faultNames.join(', ')],
    ['/api/faults', { machine: 'packer', fault: 'stop', active: 'yes' }, '"active" must be true or false'],
    ['/api/faults', ['packer'], 'must be a JSON object'],
    ['/api/faults', '{"machine":', 'JSON'],
    ['/api/speed', { speed: 0 }, '0.1 to 1000'],
    ['/api/speed', { speed: '5' }, '0.1 to 1000'],
  ])('answers 400 on %s with %j', async (path, body, hint) => {
    const [status, error] = await post(path, body);
    expect(status).toBe(400);
    expect(error).toContain(hint);
  });

  it('refuses other types, long bodies, foreign hosts and foreign sites', async () => {
    const stop = { machine: 'packer', fault: 'stop', active: true };
    expect((await post('/api/faults', stop, { 'content-type': 'text/plain' }))[0]).toBe(415);
    expect((await post('/api/faults', stop, { 'content-type': 'application/x-www-form-urlencoded' }))[0]).toBe(415);
    expect((await post('/api/faults', { ...stop, more: 'x'.repeat(5000) }))[0]).toBe(413);
    expect((await post('/api/faults', stop, { origin: 'https://example.org' }))[0]).toBe(403);
    expect((await post('/api/faults', stop, { 'sec-fetch-site': 'cross-site' }))[0]).toBe(403);
    expect(await statusWithHost('example.org')).toBe(403);
    expect(await statusWithHost('localhost')).toBe(200);
    expect([...floor.packer.faults]).toEqual([]);
  });

  it('serves the page from its own files alone', async () => {
    const response = await fetch(http.url);
    const page = await response.text();
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(page).toContain('page.js');
    for (const file of ['page.css', 'page.js']) {
      const part = await fetch(new URL(file, http.url));
      expect(part.status).toBe(200);
      expect(await part.text()).not.toMatch(/https?:\/\//);
    }
  });
});

/** fetch does not let a caller choose the Host; the socket does. */
async function statusWithHost(host: string): Promise<number> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const sent = request(new URL('/api/state', http.url), { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}
