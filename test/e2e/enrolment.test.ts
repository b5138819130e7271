/** A gateway and an integrator are let in and shut out again, as people do it: programs, commands, the API, over TLS. */
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LocalPicture } from '../../gateway/local/local-server.ts';
import { freePorts } from '../services/free-ports.ts';
import { newRelational } from '../services/new-relational.ts';
import { Program, type Told } from '../services/program.ts';
import { pumpGateway, pumpPlant } from '../services/pump-plant.ts';
import { tempDirOfFile } from '../services/temp-dir.ts';
import { typed } from '../services/typed.ts';

const PATIENT = { timeout: 40_000, interval: 100 };
const dir = tempDirOfFile('lineside-enrolment-');
let hub: Program;
let gateway: Program;
let told: Told;
let local: string;
let cookie: string;

/** A command as somebody types it. */
function run(program: 'hub' | 'gateway', ...args: string[]) {
  return typed(`${program}/main.ts`, ...args, '--config', join(dir, `${program}.yaml`));
}

async function api<T>(method: string, path: string, body?: object): Promise<{ status: number; body: T }> {
  const headers = { cookie, ...(body ? { 'content-type': 'application/json' } : {}) };
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
  const response = await fetch(`${told.url}/api/v1${path}`, init);
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
}

const link = async () => ((await (await fetch(`${local}/api/status`)).json()) as LocalPicture).link;

beforeAll(async () => {
  const [mqttPort, tlsPort] = await freePorts(2);
  writeFileSync(join(dir, 'plant.yaml'), pumpPlant());
  writeFileSync(
    join(dir, 'hub.yaml'),
    `plant: plant.yaml
dataDir: hub
http: { port: 0 }
mqtt: { port: ${mqttPort}, tls: { port: ${tlsPort} } }
uns: { enabled: true }
timeSeries: { memoryLimit: 128MB }
`,
  );
  const link = `url: "mqtts://localhost:${tlsPort}", identityDir: gateway/identity`;
  writeFileSync(join(dir, 'gateway.yaml'), pumpGateway(link));
  await newRelational(join(dir, 'hub', 'relational'));
  const program = (name: string) =>
    new Program({ name, args: [`${name}/main.ts`, 'run', '--config', join(dir, `${name}.yaml`)] });
  hub = program('hub');
  gateway = program('gateway');
  [told, local] = await Promise.all([hub.start(), gateway.start().then(({ localUrl }) => String(localUrl))]);
  const login = await fetch(`${told.url}/api/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'admin', password: told.firstPassword }),
  });
  cookie = login.headers.get('set-cookie')!.split(';')[0]!;
}, 90_000);
afterAll(async () => {
  await gateway?.stop().catch(() => undefined);
  await hub?.stop().catch(() => undefined);
});

describe('a gateway', { timeout: 90_000 }, () => {
  test('collects before it has enrolled, says what is missing, and comes in when it has', async () => {
    expect(await link()).toMatchObject({
      connected: false,
      reason: expect.stringMatching(/has not enrolled .*gateway enrol/),
    });
    const made = await run('hub', 'enrol-token', 'line-1');
    expect(made).toMatchObject({ code: 0, err: expect.stringContaining('gateway enrol --hub http://') });
    const token = made.out.trim();
    writeFileSync(join(dir, 'token'), token);
    const ask = () => run('gateway', 'enrol', '--hub', String(told.url), '--token-file', join(dir, 'token'));
    const enrolled = await ask();
    // The hub’s address is 127.0.0.1, and the broker’s certificate is for that as well.
    expect(enrolled).toMatchObject({
      code: 0,
      out: expect.stringMatching(/line-1 has enrolled.*\n.*valid until .*\n.*renewed/),
    });
    expect(statSync(join(dir, 'gateway/identity/gateway.pem')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, 'gateway/identity/gateway.pem'), 'utf8')).toMatch(/PRIVATE KEY[\s\S]*CERTIFICATE/);
    await vi.waitFor(async () => expect(await link()).toMatchObject({ connected: true, reason: '' }), PATIENT);
    const { body: gateways } = await api<GatewayView[]>('GET', '/gateways');
    const [view] = Array.isArray(gateways) ? gateways : (gateways as { items: GatewayView[] }).items;
    expect(view).toMatchObject({ id: 'line-1', online: true });
    expect(Math.round((view!.certificate!.notAfter - Date.now()) / 86_400_000)).toBe(365);
    const { body: certificates } = await api<{ items: { serial: string; issuedBy: string }[] }>(
      'GET',
      '/gateways/line-1/certificates',
    );
    expect(certificates.items).toMatchObject([
      { serial: view!.certificate!.serial, issuedBy: expect.stringMatching(/ at the hub$/) },
    ]);
    const metrics = await (await fetch(`${local}/metrics`)).text();
    expect(metrics).toMatch(/lineside_gateway_hub_certificate_expiry_timestamp_seconds \d/);
    // The token is used up, also for who has copied it.
    expect(await ask()).toMatchObject({ code: 1, err: expect.stringMatching(/the token was used .*TOKEN_USED/) });
    expect((await link()).connected).toBe(true);
  });

  test('that is revoked is out at once, and comes in again with another token of the API', async () => {
    const revoked = await run('hub', 'revoke', 'line-1', '--reason', 'sold');
    expect(revoked).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^revoked: line-1, certificate [0-9a-f]+\n$/),
    });
    await vi.waitFor(
      async () => expect((await link()).reason).toMatch(/revoked, or is of another hub.*gateway enrol/),
      PATIENT,
    );
    expect((await api('DELETE', '/gateways/line-1/certificate')).status).toBe(404);
    const { body } = await api<{ token: string }>('POST', '/gateways/line-1/enrolment-token', {});
    const enrolled = await run('gateway', 'enrol', '--hub', String(told.url), '--token', body.token);
    expect(enrolled.code, enrolled.err).toBe(0);
    await vi.waitFor(async () => expect(await link()).toMatchObject({ connected: true }), PATIENT);
    expect((await api('DELETE', '/gateways/line-1/certificate?reason=moved')).status).toBe(200);
    await vi.waitFor(async () => expect((await link()).connected).toBe(false), PATIENT);
  });
});

describe('an integrator', { timeout: 60_000 }, () => {
  const clients: MqttClient[] = [];
  afterAll(() => void clients.map((client) => client.end(true)));

  async function come(password: string): Promise<MqttClient> {
    const ca = readFileSync(join(dir, 'hub/authority/ca.pem'), 'utf8');
    const url = `mqtts://localhost:${told.mqttTlsPort}`;
    const client = await mqtt.connectAsync(url, { username: 'energy', password, ca, reconnectPeriod: 0 });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  }

  test('hears by an account of its sites, says nothing, and is out when it is gone', async () => {
    expect((await api('POST', '/mqtt-accounts', { name: 'energy', sites: ['essen'] })).status).toBe(400);
    expect((await api('POST', '/mqtt-accounts', { name: 'line-1' })).status).toBe(200);
    await api('DELETE', '/mqtt-accounts/line-1');
    const made = await api<{ password: string }>('POST', '/mqtt-accounts', { name: 'energy', sites: ['hamburg'] });
    expect(JSON.stringify((await api('GET', '/mqtt-accounts')).body)).not.toContain(made.body.password);
    expect((await api('POST', '/gateways/energy/enrolment-token', {})).status).toBe(409);
    const client = await come(made.body.password);
    const topics = new Set<string>();
    client.on('message', (topic) => topics.add(topic));
    await client.subscribeAsync(['#', 'lineside/#'], { qos: 1 });
    await vi.waitFor(() => expect(topics).toContain('uns/v1/acme/hamburg/area/line/pump/_state/pump'), PATIENT);
    expect([...topics].filter((topic) => !topic.startsWith('uns/v1/acme/hamburg/'))).toEqual([]);
    const out = (each: MqttClient) => once(each as unknown as NodeJS.EventEmitter, 'close');
    const closed = out(client);
    client.publish('uns/v1/acme/hamburg/area/line/pump/a', '1');
    await closed;

    const again = await come(made.body.password);
    const [ended, { body: next }] = await Promise.all([
      out(again),
      api<{ password: string }>('POST', '/mqtt-accounts/energy/password'),
    ]);
    expect(ended).toBeDefined();
    await expect(come(made.body.password)).rejects.toThrow(/Not authorized/);
    const last = out(await come(next.password));
    expect((await api('DELETE', '/mqtt-accounts/energy')).status).toBe(204);
    await last;
    await expect(come(next.password)).rejects.toThrow(/Not authorized/);
  });
});
