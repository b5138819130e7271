import { spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AuditEntry } from '@lineside/shared/contracts/accounts.ts';
import type { AlarmView, History, Overview } from '@lineside/shared/contracts/api.ts';
import type { LiveMessage } from '@lineside/shared/contracts/live.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { EquipmentProposal } from '@lineside/shared/contracts/proposal.ts';
import { DataType } from '@lineside/shared/wire/sparkplug/payload.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { FakeGateway } from '../services/fake-gateway.ts';
import { alarmEvent, EPOCH, envelope, tagInfo } from '../services/gateway-records.ts';
import { gatewayStatus } from '../services/hub-world.ts';
import { newRelational } from '../services/new-relational.ts';
import { Program } from '../services/program.ts';
import { parsePrometheus } from '../services/prometheus.ts';
import { shortLivedFlags } from '../services/short-lived.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SECRET = 'the gateway’s own password';
const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - id: site
    name: Site
    timeZone: UTC
    shifts: [{ name: Day, from: "00:00", to: "00:00" }]
    areas:
      - id: area
        name: Area
        lines:
          - id: line
            name: Line
            cells:
              - id: packer
                name: Packer
                gateway: line-1
                device: packer
                state: { tag: state }
                counters: { total: made, reject: bad, idealPerHour: 3600 }
                show: [{ tag: speed }]
`;
const HUB = `plant: plant.yaml
dataDir: data
http: { port: 0 }
mqtt: { port: 0, accounts: [{ name: scada, passwordFile: scada }] }
uns: { enabled: true, minIntervalMs: 50 }
gateways: [{ id: line-1, passwordFile: secret }]
timeSeries: { memoryLimit: 128MB }
`;

interface Told {
  url: string;
  mqttPort: number;
  firstPassword?: string;
  firstPasswordFile: string;
}

describe('the hub as a program', { timeout: 60_000 }, () => {
  let dir: string;
  let hub: Program;
  let told: Told;
  let gateway: FakeGateway;
  let cookie = '';
  let password = '';

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lineside-hub-'));
    await writeFile(join(dir, 'plant.yaml'), PLANT);
    await writeFile(join(dir, 'hub.yaml'), HUB);
    await writeFile(join(dir, 'secret'), `${SECRET}\n`, { mode: 0o600 });
    await writeFile(join(dir, 'scada'), 'scada-secret\n', { mode: 0o600 });
    await newRelational(join(dir, 'data', 'relational'));
  });
  afterAll(async () => {
    gateway?.end();
    await hub?.stop().catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const args = ['hub/main.ts', 'run', '--config', join(dir, 'hub.yaml')];
    hub = new Program({ name: 'hub', args, ready: ({ ready }) => ready === true });
    told = (await hub.start()) as unknown as Told;
    gateway = new FakeGateway();
    await gateway.connect(told.mqttPort, SECRET);
  }

  async function get<T>(path: string): Promise<T> {
    const response = await fetch(`${told.url}${path}`, { headers: { cookie } });
    expect(response.status, path).toBe(200);
    return (await response.json()) as T;
  }

  function post(path: string, body: unknown): Promise<Response> {
    const headers = { cookie, 'content-type': 'application/json' };
    return fetch(`${told.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /**
   * What an integrator finds at the hub's broker, by topic; of each the newest is retained, a moment after it is
   * in the API.
   *
   * @param check of what is to be found in the end
   */
  async function retained(check: (found: Map<string, unknown>) => void): Promise<Map<string, unknown>> {
    const login = { username: 'scada', password: 'scada-secret', reconnectPeriod: 0 };
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${told.mqttPort}`, login);
    const found = new Map<string, unknown>();
    client.on('message', (topic, payload) => found.set(topic, JSON.parse(payload.toString())));
    await client.subscribeAsync('#');
    await vi.waitFor(() => check(found), 15_000);
    client.end(true);
    return found;
  }

  /** For a hub that is not expected to start. */
  async function runToItsEnd(config: string): Promise<{ code: number; out: string }> {
    const args = ['hub/main.ts', 'run', '--config', join(dir, config)];
    const env = { ...process.env, JOURNAL_STREAM: undefined };
    const child = spawn(process.execPath, [...shortLivedFlags(), ...args], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    const [code] = (await once(child, 'close')) as [number];
    return { code, out };
  }

  /** Set when the gateway sends, for what is older than 15 s is stale. */
  let now = 0;
  const tags = [
    tagInfo(1, '$link', 'integer'),
    tagInfo(2, 'state', 'integer'),
    tagInfo(3, 'speed'),
    tagInfo(4, 'made'),
  ];
  const first = () =>
    envelope(1, {
      tags,
      receivedAt: now,
      samples: [
        [1, now - 9, 1],
        [2, now - 8, 6],
        [3, now - 7, 77.5],
        [4, now - 6, 100],
      ],
      alarms: [alarmEvent({ tag: 3, at: now })],
    });
  const second = () =>
    envelope(2, {
      receivedAt: now + 1,
      samples: [
        [3, now + 1, 78.5],
        [4, now + 1, 101],
      ],
    });

  test('takes what a gateway sends and commits it', async () => {
    await start();
    password = told.firstPassword!;
    expect(password).toMatch(/^[a-z2-9-]{23}$/);
    expect((await stat(told.firstPasswordFile)).mode & 0o777).toBe(0o600);
    await vi.waitFor(
      () => expect(gateway.committed).toMatchObject([{ epoch: EPOCH, seq: 0, resend: false }]),
      15_000,
    );
    now = Date.now();
    await gateway.data(first());
    await vi.waitFor(() => expect(gateway.committed.at(-1)).toMatchObject({ seq: 1 }), 15_000);
  });

  test('shows it through API and socket', async () => {
    const login = await post('/api/v1/login', { name: 'admin', password });
    expect(login.status).toBe(200);
    cookie = login.headers.get('set-cookie')!.split(';')[0]!;
    await vi.waitFor(async () => {
      const { machines, alarms, gateways } = await get<Overview>('/api/v1/overview');
      expect(gateways).toMatchObject([{ id: 'line-1', online: true, samplesStored: 4, quarantined: 0 }]);
      expect(alarms).toMatchObject([{ message: 'Too hot', machineName: 'Packer', state: 'unacknowledged' }]);
      expect(machines).toMatchObject([
        { connection: { status: 'live' }, state: { name: 'Execute' }, values: [{ value: 77.5 }] },
      ]);
      // The shift's figures have been calculated from the store.
      expect(machines[0]!.oee).toMatchObject({ shift: 'Day', availability: 1, performance: null });
    }, 10_000);
    const { machines } = await get<Overview>('/api/v1/overview');
    const speed = machines[0]!.values[0]!.id;
    const socket = new WebSocket(`${told.url.replace('http', 'ws')}/api/v1/live`, { headers: { cookie } });
    const heard: LiveMessage[] = [];
    socket.on('message', (data) => heard.push(JSON.parse(String(data)) as LiveMessage));
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'subscribe', id: 'speed', kinds: ['values'], tags: [speed], maxRate: 20 }));
    await vi.waitFor(
      () => expect(heard).toContainEqual({ type: 'values', values: [[speed, now - 7, 77.5, 0]] }),
      5_000,
    );
    await gateway.data(second());
    await vi.waitFor(
      () => expect(heard).toContainEqual({ type: 'values', values: [[speed, now + 1, 78.5, 0]] }),
      5_000,
    );
    socket.close();
  });

  test('tells its metrics to its own machine', async () => {
    const text = await (await fetch(`${told.url}/metrics`)).text();
    const { values } = parsePrometheus(text);
    expect(values.get('lineside_hub_gateway_online{gateway="line-1"}')).toBe(1);
    expect(values.get('lineside_hub_ingest_fault')).toBe(0);
    expect(values.get('lineside_hub_broker_clients{kind="gateway"}')).toBe(1);
    for (const name of [
      'lineside_hub_ingest_samples_total',
      'lineside_hub_ingest_commit_duration_seconds_count',
      'lineside_hub_ingest_lag_seconds_count',
      'lineside_hub_broker_messages_total{kind="data"}',
      'lineside_hub_query_duration_seconds_count{store="timeSeries",statement="append"}',
      'lineside_hub_live_messages_total',
    ]) {
      expect([name, values.get(name)]).toEqual([name, expect.any(Number)]);
      expect(values.get(name), name).toBeGreaterThan(0);
    }
  });

  test('carries an acknowledgement to the gateway and its event back', async () => {
    const asked = await post('/api/v1/alarms/occurrence-1/acknowledge', { comment: 'on my way' });
    expect(await asked.json()).toMatchObject({ acknowledgePending: true, state: 'unacknowledged' });
    await vi.waitFor(() => expect(gateway.commands).toHaveLength(1), 15_000);
    expect(gateway.commands[0]).toMatchObject({ occurrence: 'occurrence-1', by: 'admin', comment: 'on my way' });
    const done = { transition: 'acknowledged', state: 'acknowledged', by: 'admin', comment: 'on my way' } as const;
    await gateway.data(envelope(3, { alarms: [alarmEvent({ tag: 3, at: now + 2, ...done })] }));
    await vi.waitFor(async () => {
      const { items: alarms } = await get<Page<AlarmView>>('/api/v1/alarms/active');
      expect(alarms).toMatchObject([{ state: 'acknowledged', acknowledgePending: false, acknowledgedBy: 'admin' }]);
    }, 15_000);
  });

  const PACKER = 'uns/v1/acme/site/area/line/packer';

  test('tells integrators what it shows, and nothing of what gateways say to it', async () => {
    const found = await retained((topics) => {
      expect(topics.get(`${PACKER}/speed`)).toMatchObject({ value: 78.5, quality: 'Good', timestamp_ms: now + 1 });
      expect(topics.get(`${PACKER}/_state/packer`)).toMatchObject({ state: 'up', gateway: 'line-1' });
      expect(topics.get(`${PACKER}/_alarm/too-hot`)).toMatchObject({ state: 'acknowledged', by: 'admin' });
      expect(topics.get('uns/v1/acme/site/_gateway/line-1')).toMatchObject({ online: true });
      expect(topics.get('uns/v1/acme/_hub/state')).toMatchObject({ online: true });
    });
    for (const topic of found.keys()) expect(topic).toMatch(/^uns\/v1\/acme\//);
    expect([...found.keys()].filter((topic) => topic.includes('$'))).toEqual([]);
  });

  const refusedSets = async () => (await get<Page<AuditEntry>>('/api/v1/audit?actor=scada%20(MQTT)&sort=at')).items;

  test('notes what an integrator tries to set without the right to', async () => {
    const account = { username: 'scada', password: 'scada-secret', clientId: 'hmi' };
    const scada = await mqtt.connectAsync(`mqtt://127.0.0.1:${told.mqttPort}`, account);
    const answered = once(scada as unknown as EventEmitter, 'message');
    await scada.subscribeAsync(`${PACKER}/speed/set/result`, { qos: 1 });
    for (const value of ['250', '260', '270']) await scada.publishAsync(`${PACKER}/speed/set`, value, { qos: 1 });
    // MQTT 3.1.1 has no word for it in PUBACK.
    expect(String((await answered)[1])).toContain('account \\"scada\\" may not set this');
    await scada.endAsync();
    await vi.waitFor(async () => {
      expect(await refusedSets()).toMatchObject([
        {
          ...{ actorKind: 'account', action: 'tag.write', outcome: 'refused', address: '127.0.0.1' },
          after: { topic: `${PACKER}/speed/set`, requested: 250, error: expect.stringContaining('no write: true') },
        },
      ]);
    }, 15_000);
  });

  test('keeps apart what it does not understand, and the rest flows on', async () => {
    await gateway.send('hello', '{"epoch":"short"}');
    await gateway.send('status', 'no JSON');
    await gateway.send('status', JSON.stringify(gatewayStatus({ gateway: 'line-2' })));
    await gateway.data(Buffer.from('no envelope'));
    await vi.waitFor(async () => {
      const { gateways } = await get<Overview>('/api/v1/overview');
      expect(gateways).toMatchObject([{ id: 'line-1', online: true, quarantined: 4 }]);
    }, 15_000);
    const health = await fetch(`${told.url}/health`);
    expect(await health.json()).toMatchObject({ status: 'ok', faults: [] });
  });

  test('says no to a second hub on the same data, by name', async () => {
    const { code, out } = await runToItsEnd('hub.yaml');
    expect(code).toBe(1);
    expect(out).toMatch(
      new RegExp(`STORE_LOCKED.*is held by the process with PID ${hub.pid}\\b.*stop the other one`),
    );
    expect((await get<Overview>('/api/v1/overview')).gateways).toHaveLength(1);
  });

  test('ends in order within 5 s when it is told to', async () => {
    const begin = performance.now();
    await hub.stop();
    expect(performance.now() - begin).toBeLessThan(5_000);
    gateway.end();
  });

  test('goes on with the same data, users and sessions, and makes no second password', async () => {
    await start();
    expect(told.firstPassword).toBeUndefined();
    await vi.waitFor(
      () => expect(gateway.committed).toMatchObject([{ epoch: EPOCH, seq: 3, resend: false }]),
      15_000,
    );
    // What the gateway has not heard of it sends again; it changes nothing.
    await gateway.data(second());
    await vi.waitFor(() => expect(gateway.committed).toHaveLength(2), 15_000);
    const { machines, alarms, gateways } = await get<Overview>('/api/v1/overview');
    expect(gateways).toMatchObject([{ samplesStored: 6 }]);
    expect(alarms).toMatchObject([{ state: 'acknowledged' }]);
    expect(machines[0]!.values).toMatchObject([{ value: 78.5, at: now + 1 }]);
    const { id } = machines[0]!.values[0]!;
    const past = await get<History>(`/api/v1/tags/${id}/history?from=${now - 1_000}&to=${now + 1_000}`);
    expect(past.mean!.filter((value) => value !== null)).toEqual([77.5, 78.5]);
    await retained((found) => {
      expect(found.get(`${PACKER}/made`)).toMatchObject({ value: 101, timestamp_ms: now + 1 });
      expect(found.get(`${PACKER}/state`)).toMatchObject({ value: 6 });
      expect(found.get(`${PACKER}/_alarm/too-hot`)).toMatchObject({ state: 'acknowledged' });
    });
    expect((await refusedSets())[1]).toMatchObject({ outcome: 'refused', after: { requested: 270, times: 2 } });
    expect((await post('/api/v1/login', { name: 'admin', password })).status).toBe(200);
    gateway.end();
    await hub.stop();
  });

  test('takes JSON and Sparkplug of programs that are no gateways, as machines of the plant', async () => {
    const saw = `              - { id: saw, name: Saw, gateway: "json:sawmill", device: saw, show: [{ tag: blade.speed }] }\n`;
    await writeFile(join(dir, 'plant.yaml'), PLANT + saw);
    const sources = `sources: [{ name: sawmill, topic: "mill/{device}", passwordFile: scada }]
sparkplug: { hostId: hub, nodes: [{ name: edge, group: mill, passwordFile: scada }] }\n`;
    await writeFile(join(dir, 'hub.yaml'), HUB + sources);
    await start();
    const login = { username: 'sawmill', password: 'scada-secret', reconnectPeriod: 0 };
    const program = await mqtt.connectAsync(`mqtt://127.0.0.1:${told.mqttPort}`, login);
    now = Date.now();
    await program.publishAsync('mill/saw', `{"blade":{"speed":41.5},"timestamp_ms":${now}}`, {
      qos: 1,
      retain: true,
    });
    await program.publishAsync('mill/saw', 'no JSON', { qos: 1 });
    await vi.waitFor(async () => {
      const { machines, gateways } = await get<Overview>('/api/v1/overview');
      expect(machines[1]).toMatchObject({
        name: 'Saw',
        connection: { status: 'live' },
        values: [{ value: 41.5, at: now }],
      });
      const source = gateways.find(({ id }) => id === 'json:sawmill');
      // The value, and that the machine is there.
      expect(source).toMatchObject({ online: true, quarantined: 1, samplesStored: 2, devices: [{ state: 'up' }] });
    }, 15_000);
    const id = (await get<Overview>('/api/v1/overview')).machines[1]!.values[0]!.id;
    const past = await get<History>(`/api/v1/tags/${id}/history?from=${now - 1_000}&to=${now + 1_000}`);
    expect(past.mean!.filter((value) => value !== null)).toEqual([41.5]);
    const edge = await mqtt.connectAsync(`mqtt://127.0.0.1:${told.mqttPort}`, { ...login, username: 'edge' });
    const birth = (name: string, value: number) => ({
      ...{ name, alias: 1, timestamp: now, datatype: DataType.Double },
      value: { kind: 'double' as const, value },
    });
    await edge.publishAsync('spBv1.0/mill/NBIRTH/edge', writePayload({ seq: 0, metrics: [] }));
    await edge.publishAsync('spBv1.0/mill/DBIRTH/edge/press', writePayload({ seq: 1, metrics: [birth('oil', 71)] }));
    await vi.waitFor(async () => {
      const { items } = await get<Page<EquipmentProposal>>('/api/v1/equipment/proposals');
      const [proposal, ...others] = items;
      expect(proposal).toMatchObject({ gateway: 'sparkplug:mill/edge', device: 'press', state: 'up', tagCount: 1 });
      expect(proposal!.tags).toMatchObject([{ name: 'oil', type: 'float64', value: 71, at: now }]);
      expect(others).toEqual([]);
    }, 15_000);
    edge.end(true);
    const ended = once(program as unknown as EventEmitter, 'close');
    program.publish('mill/saw/other', '1');
    await ended;
    gateway.end();
    await hub.stop();
    await writeFile(join(dir, 'plant.yaml'), PLANT);
  });

  test.each(['http', 'mqtt'])('names a taken port of %s with the setting that changes it', async (part) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await writeFile(join(dir, 'taken.yaml'), HUB.replace(`${part}: { port: 0`, `${part}: { port: ${port}`));
    const { code, out } = await runToItsEnd('taken.yaml');
    server.close();
    expect(code).toBe(1);
    expect(out).toMatch(
      new RegExp(`PORT_TAKEN.*port ${port} on 127.0.0.1 is taken by another program; set ${part}.port`),
    );
  });
});
