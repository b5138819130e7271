/** From the hub's API to a register of a device and back: hub and gateway as programs, the device at the wire. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Overview, TagView, WriteView } from '@lineside/shared/contracts/api.ts';
import type { ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FakeModbusServer } from '../services/fake-modbus-server.ts';
import { freePorts } from '../services/free-ports.ts';
import { newRelational } from '../services/new-relational.ts';
import { Program } from '../services/program.ts';
import { pumpPlant } from '../services/pump-plant.ts';

const PATIENT = { timeout: 30_000, interval: 50 };
const MACHINE = 'acme/site/area/line/pump';

const hubYaml = (mqttPort: number) => `plant: plant.yaml
dataDir: hub
http: { port: 0 }
mqtt: { port: ${mqttPort} }
gateways: [{ id: line-1, passwordFile: secret }]
timeSeries: { memoryLimit: 128MB }
`;

let dir: string;
let hub: Program;
let gateway: Program;
let url: string;
let cookie: string;
const tags = new Map<string, number>();
const device = new FakeModbusServer();

/** A request that writes. */
const writes = () => device.requests.filter(({ code }) => code > 4);

async function start(name: 'hub' | 'gateway') {
  const args = [`${name}/main.ts`, 'run', '--config', join(dir, `${name}.yaml`)];
  const program = new Program({ name, args, ready: ({ ready }) => ready === true });
  return { program, told: await program.start() };
}

async function startHub(): Promise<string> {
  const { program, told } = await start('hub');
  hub = program;
  url = String(told.url);
  return String(told.firstPassword);
}

async function startGateway(): Promise<void> {
  gateway = (await start('gateway')).program;
  await linked();
}

async function linked(): Promise<void> {
  await vi.waitFor(async () => {
    const { gateways } = await get<Overview>('overview');
    expect(gateways).toMatchObject([{ online: true, devices: [{ state: 'up' }] }]);
  }, PATIENT);
}

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${url}/api/v1/${path}`, { headers: { cookie } })).json()) as T;
}

function post(path: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json', cookie };
  return fetch(`${url}/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

const write = (tag: string, value: number | string) =>
  post(`tags/${tags.get(tag)}/write`, { value, comment: 'from a test' });

async function outcome(response: Response): Promise<WriteOutcome> {
  expect(response.status).toBe(200);
  return (await response.json()) as WriteOutcome;
}

async function lastWrite(): Promise<WriteView> {
  const { items } = await get<{ items: WriteView[] }>('writes?limit=1');
  return items[0]!;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lineside-write-'));
  await device.listen();
  device.holding.set([200, 0, 77]);
  const [mqttPort] = await freePorts(1);
  await newRelational(join(dir, 'hub', 'relational'));
  for (const [file, text] of [
    ['plant.yaml', pumpPlant({ site: 'line-1' })],
    ['hub.yaml', hubYaml(mqttPort!)],
    ['secret', 'the gateway’s password\n'],
  ] as const) {
    await writeFile(join(dir, file), text, { mode: 0o600 });
  }
  const password = await startHub();
  await writeFile(
    join(dir, 'gateway.yaml'),
    `gateway: { id: line-1 }
dataDir: gateway
hub: { url: "mqtt://127.0.0.1:${mqttPort}", passwordFile: secret, accept: [config] }
local: { enabled: false }
devices:
  - id: pump
    driver: modbus
    host: 127.0.0.1
    port: ${device.port}
    pollMs: 50
    timeoutMs: 10000
    tags:
      - { name: speed, address: "holding:0", type: uint16, scale: 0.1, unit: 1/min, writable: true, min: 0, max: 60 }
      - { name: mode, address: "holding:1", type: uint16, enum: { 0: "Off", 1: "Auto" }, writable: true }
      - { name: level, address: "holding:2", type: uint16 }
`,
  );
  const login = await post('login', { name: 'admin', password });
  cookie = login.headers.get('set-cookie')!.split(';')[0]!;
  await startGateway();
  await vi.waitFor(async () => {
    const shown = (await get<Page<TagView>>(`tags?machine=${encodeURIComponent(MACHINE)}`)).items;
    expect(shown.map(({ name, value }) => [name, value])).toEqual([
      ['level', 77],
      ['mode', 'Off'],
      ['speed', 20],
    ]);
    for (const { id, name } of shown) tags.set(name, id);
    expect(shown.map(({ write: may }) => may)).toEqual([
      undefined,
      { min: null, max: null, names: ['Off', 'Auto'] },
      { min: 0, max: 60, names: [] },
    ]);
  }, PATIENT);
});

afterAll(async () => {
  await gateway?.stop().catch(() => undefined);
  await hub?.stop().catch(() => undefined);
  await device.close();
  await rm(dir, { recursive: true, force: true });
});

describe('a configuration from the hub', () => {
  const file = () => join(dir, 'gateway.yaml');
  async function push(change: (text: string) => string): Promise<ConfigPushResult> {
    const response = await post('gateways/line-1/config', { config: change(await readFile(file(), 'utf8')) });
    expect(response.status).toBe(200);
    return (await response.json()) as ConfigPushResult;
  }

  test('is taken over while the gateway runs, and takes the place of its file', async () => {
    const before = await readFile(file(), 'utf8');
    const pumped = `      - { name: pumped, address: "holding:2", type: int16 }\n`;
    const { sha256, ...result } = await push((text) => text + pumped);
    expect(result).toMatchObject({ result: 'applied', problems: [], changes: { changed: ['device pump'] } });
    expect(await readFile(file(), 'utf8')).toBe(before + pumped);
    expect(await readFile(`${file()}.previous`, 'utf8')).toBe(before);
    expect(sha256).toBe(
      createHash('sha256')
        .update(before + pumped)
        .digest('hex'),
    );
    await vi.waitFor(async () => {
      const shown = (await get<Page<TagView>>(`tags?machine=${encodeURIComponent(MACHINE)}`)).items;
      expect(shown.find(({ name }) => name === 'pumped')?.value).toBe(77);
    }, PATIENT);
    expect(await push((text) => text)).toMatchObject({ result: 'unchanged', problems: [] });
  });

  test('with a mistake, or one that would lock the gateway out, changes nothing', async () => {
    const before = await readFile(file(), 'utf8');
    const wrong = await push((text) => text.replace('holding:1', 'holding:x'));
    expect(wrong).toMatchObject({
      result: 'refused',
      problems: [expect.stringMatching(/gateway\.yaml:\d+: .*holding:x/)],
    });
    const lost = await push((text) => text.replace('id: line-1', 'id: line-2'));
    expect(lost).toMatchObject({
      result: 'refused',
      problems: [expect.stringContaining('gateway can only be changed')],
    });
    expect(await readFile(file(), 'utf8')).toBe(before);
    expect((await post('gateways/line-7/config', { config: before })).status).toBe(404);
  });
});

describe('a write from the hub', () => {
  test('changes the register, is read back, and stands in the audit with who, old and new', async () => {
    expect(await outcome(await write('speed', 45.5))).toMatchObject({ ok: true, old: 20, new: 45.5, error: '' });
    expect(device.holding[0]).toBe(455);
    expect(await outcome(await write('mode', 'Auto'))).toMatchObject({ ok: true, old: 'Off', new: 'Auto' });
    expect(device.holding[1]).toBe(1);
    expect(writes().map(({ code, address }) => [code, address])).toEqual([
      [6, 0],
      [6, 1],
    ]);
    expect(await lastWrite()).toMatchObject({
      ...{ tag: 'mode', by: 'admin', via: 'hub', comment: 'from a test', machineName: 'Pump' },
      ...{ requested: 'Auto', old: 'Off', new: 'Auto', state: 'written', error: '' },
    });
    // The next poll shows it, too.
    await vi.waitFor(async () => {
      const shown = (await get<Page<TagView>>(`tags?machine=${encodeURIComponent(MACHINE)}`)).items;
      expect(shown.find(({ name }) => name === 'speed')!.value).toBe(45.5);
    }, PATIENT);
  });

  test('that the device does not take, or that may not be, is told and audited', async () => {
    device.behave = ({ code }) => (code > 4 ? { exception: 3 } : 'right');
    const refused = await outcome(await write('speed', 30));
    device.behave = () => 'right';
    expect(refused).toMatchObject({ ok: false, old: 45.5, new: 45.5, error: expect.stringContaining('exception 3') });
    expect(await lastWrite()).toMatchObject({ requested: 30, state: 'failed', error: refused.error });
    const before = writes().length;
    expect((await write('level', 5)).status).toBe(409);
    expect(await lastWrite()).toMatchObject({ tag: 'level', requested: 5, state: 'failed', by: 'admin' });
    expect((await write('speed', 61)).status).toBe(400);
    expect(await lastWrite()).toMatchObject({ requested: 61, state: 'failed' });
    expect(writes()).toHaveLength(before);
  });

  test('that reaches the gateway when its time is over is not carried out', async () => {
    const before = writes().length;
    process.kill(gateway.pid, 'SIGSTOP');
    const asked = write('speed', 10);
    await vi.waitFor(
      async () => expect(await lastWrite()).toMatchObject({ requested: 10, state: 'waiting' }),
      PATIENT,
    );
    const { at } = await lastWrite();
    await vi.waitFor(() => expect(Date.now() - at).toBeGreaterThan(5_500), PATIENT);
    process.kill(gateway.pid, 'SIGCONT');
    expect(await outcome(await asked)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/too late: nothing/),
    });
    expect(writes()).toHaveLength(before);
    expect(await lastWrite()).toMatchObject({ requested: 10, state: 'failed' });
  });

  test('whose hub dies on the way is carried out, and its record reaches the hub that comes back', async () => {
    device.behave = ({ code }) => (code > 4 ? { delayMs: 700 } : 'right');
    const before = writes().length;
    const asked = write('speed', 11).catch((error: unknown) => error);
    await vi.waitFor(() => expect(writes()).toHaveLength(before + 1), PATIENT);
    process.kill(hub.pid, 'SIGKILL');
    expect(await asked).toBeInstanceOf(Error);
    device.behave = () => 'right';
    await startHub();
    await vi.waitFor(async () => {
      expect(await lastWrite()).toMatchObject({ requested: 11, old: 45.5, new: 11, state: 'written', by: 'admin' });
    }, PATIENT);
    expect(writes()).toHaveLength(before + 1);
    await linked();
  });

  test('whose gateway dies on the way is called unknown at once, is never repeated, and stays so in the audit', async () => {
    device.behave = ({ code }) => (code > 4 ? { delayMs: 60_000 } : 'right');
    const before = writes().length;
    const asked = write('speed', 12);
    await vi.waitFor(() => expect(writes()).toHaveLength(before + 1), PATIENT);
    process.kill(gateway.pid, 'SIGKILL');
    const answer = await asked;
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ code: 'WRITE_UNKNOWN', detail: expect.stringContaining('off line') });
    expect((await write('speed', 13)).status).toBe(409);
    device.cut();
    device.behave = () => 'right';
    await startGateway();
    // Nothing was kept for it, neither the one that was under way nor the one that was refused.
    expect(await outcome(await write('speed', 14))).toMatchObject({ ok: true, new: 14 });
    expect(writes()).toHaveLength(before + 2);
    const { items } = await get<{ items: WriteView[] }>('writes?limit=3');
    expect(items.map(({ requested, state }) => [requested, state])).toEqual([
      [14, 'written'],
      [13, 'failed'],
      [12, 'unknown'],
    ]);
    expect(items[2]!.error).toMatch(/has not told what became of it.*look at the value/);
  });
});
