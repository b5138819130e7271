/** The plant's topics at the hub's own broker and at another: who hears what, who sets what. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import type { AlarmView } from '@lineside/shared/contracts/api.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { AndonBoard } from '../../../hub/andon/board.ts';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { GatewayMessage } from '../../../hub/broker/gateway-bus.ts';
import type { RefusedPublication } from '../../../hub/broker/refused-publications.ts';
import { loadHubConfig } from '../../../hub/config/load-config.ts';
import { noShift } from '../../../hub/oee/oee.ts';
import { meaningOf } from '../../../hub/oee/state-map.ts';
import { UnsPart } from '../../../hub/uns-part.ts';
import { hasTool } from '../../deploy/tools.ts';
import { hearer, plantBroker } from '../../gateway/uns/fixture.ts';
import { columns } from '../../services/samples.ts';
import { tempDir } from '../../services/temp-dir.ts';

const PATIENT = { timeout: 15_000 };
const site = (id: string, gateway: string) => `  - id: ${id}
    name: ${id}
    timeZone: UTC
    shifts: [{ name: Day, from: "00:00", to: "00:00" }]
    areas: [{ id: area, name: Area, lines: [{ id: line, name: Line, cells: [{ id: press, name: Press, gateway: ${gateway}, device: press }] }] }]
`;
const NORTH = 'uns/v1/acme/north/area/line/press';
const SOUTH = 'uns/v1/acme/south/area/line/press';
const SECRETS: Record<string, string> = { all: 'all-secret', north: 'north-secret', setter: 'setter-secret' };
const ACCOUNTS = `mqtt:
  port: 0
  accounts:
    - { name: all, passwordFile: all }
    - { name: north, passwordFile: north, sites: [north], write: true }
    - { name: setter, passwordFile: setter, write: true }
`;

interface Asked {
  by: string;
  kind: string;
  address: string;
  tag: number;
  value: unknown;
  comment: string;
}

async function rig(mqttPart = ACCOUNTS, uns = '') {
  const dir = await tempDir();
  for (const [name, secret] of Object.entries(SECRETS)) await writeFile(join(dir, name), `${secret}\n`);
  const plant = `enterprise: { id: acme, name: Acme }\nsites:\n${site('north', 'gw-n')}${site('south', 'gw-s')}`;
  await writeFile(join(dir, 'plant.yaml'), plant);
  const file = join(dir, 'hub.yaml');
  await writeFile(file, `plant: plant.yaml\n${mqttPart}uns: { enabled: true, minIntervalMs: 0${uns} }\n`);
  const config = loadHubConfig(file);
  const now = Date.now;
  const board = new AndonBoard({
    machines: config.equipment.machines,
    meaningOf: (machine, code) => meaningOf(machine.state!, code),
    emptyOee: (_machine, at) => noShift(at, ''),
    now,
  });
  const info = { device: 'press', type: 'float64' as const, unit: 'bar', description: '' };
  board.catalog.add([
    { ...info, id: 1, gateway: 'gw-n', name: 'oil.pressure', writable: true },
    { ...info, id: 2, gateway: 'gw-s', name: 'oil.pressure', writable: true },
    { ...info, id: 3, gateway: 'gw-s', name: '$link' },
    { ...info, id: 4, gateway: 'gw-s', device: 'elsewhere', name: 'pressure' },
    { ...info, id: 5, gateway: 'gw-n', name: '/Motor #1/rpm+' },
  ]);
  for (const id of ['gw-n', 'gw-s']) board.gateways.know({ id, lastSeenAt: 1, since: 1, samplesStored: 0 });
  board.restore([
    [1, 500, 4.5, 0],
    [3, 500, 1, 0],
    [4, 500, 1, 0],
  ]);
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const asked: Asked[] = [];
  const open: AlarmView[] = [];
  const refused: RefusedPublication[] = [];
  const onRefused = (each: RefusedPublication) => void refused.push(each);
  const part = new UnsPart({
    ...{ config, board, now, log, onRefused },
    openAlarms: () => open,
    request: async ({ name: by, kind, address }, tag, value, comment) => {
      asked.push({ by, kind, address, tag, value, comment });
      if (value === 99) throw new LinesideError('GATEWAY_OFFLINE', 'outside', 'the gateway is not there');
      return { id: 'of-the-hub', ok: true, old: 4.5, new: value, at: 1_000, error: '' };
    },
  });
  const credentials = new Credentials();
  credentials.set('gw-n', 'gw-secret');
  const broker = new EmbeddedBroker({
    ...{ host: '127.0.0.1', port: 0, credentials, integrators: part.door, onRefused, log, drainMs: 2_000 },
  });
  const received: GatewayMessage[] = [];
  await broker.start(async (message) => void received.push(message));
  onTestFinished(() => broker.stop());
  part.start(broker);
  onTestFinished(() => part.stop());
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const as = (username: string, filter?: string, more = {}) =>
    hearer(url, { username, password: SECRETS[username] ?? 'gw-secret', ...more }, filter);
  const arrive = (tag: number, at: number, value: number | null, quality = 0) =>
    part.observe(columns([tag, at, value, quality]));
  return { broker, board, part, asked, refused, received, logged, as, arrive };
}

describe('at the embedded broker', () => {
  test('values come by the plant’s paths, from before the start as well, and never go back in time', async () => {
    const { board, as, arrive } = await rig();
    const all = await as('all', 'uns/#');
    const topic = `${NORTH}/oil/pressure`;
    await vi.waitFor(
      () => expect(all.last(topic)).toMatchObject({ value: 4.5, unit: 'bar', timestamp_ms: 500 }),
      PATIENT,
    );
    arrive(1, 900, 5);
    arrive(1, 800, 4);
    await vi.waitFor(() => expect(all.last(topic)).toMatchObject({ value: 5, timestamp_ms: 900 }), PATIENT);
    arrive(5, 900, 1480);
    await vi.waitFor(() => expect(all.last(`${NORTH}/Motor _1/rpm_`)).toMatchObject({ value: 1480 }), PATIENT);
    arrive(1, 901, null, Quality.BadNotConnected);
    await vi.waitFor(
      () =>
        expect(all.last(topic)).toMatchObject({ value: null, quality: 'BadNotConnected', quality_code: 0x808a0000 }),
      PATIENT,
    );
    // Whether it may be believed.
    expect(all.last(`${NORTH}/_state/press`)).toMatchObject({
      state: 'unknown',
      reason: expect.stringMatching(/offline/),
    });
    expect(all.heard.map(({ topic: said }) => said).filter((said) => /link|elsewhere/.test(said))).toEqual([]);
    const alarm = { occurrence: 'o', gateway: 'gw-n', device: 'press', rule: 'hot', state: 'returned' } as AlarmView;
    Object.assign(alarm, { raisedAt: 5, returnedAt: 7, acknowledgedAt: null, acknowledgedBy: '', priority: 'high' });
    board.emit('alarm', alarm);
    await vi.waitFor(
      () => expect(all.last(`${NORTH}/_alarm/hot`)).toMatchObject({ state: 'returned', timestamp_ms: 7 }),
      PATIENT,
    );
    board.emit('alarm', { ...alarm, state: 'normal' });
    await vi.waitFor(() => expect(all.last(`${NORTH}/_alarm/hot`)).toBe(''), PATIENT);
  });

  test('an account hears its sites and nothing of gateways; a gateway hears and says nothing of this', async () => {
    const { as, arrive, received, logged } = await rig();
    const [all, north] = [await as('all', '#'), await as('north', '#')];
    await north.client.subscribeAsync(['lineside/#', topicOf('gw-n', 'data'), `${SOUTH}/#`]);
    const gateway = await as('gw-n', undefined, { clientId: 'gw-n' });
    await gateway.client.publishAsync(topicOf('gw-n', 'status'), 'x', { qos: 1, retain: true });
    await vi.waitFor(() => expect(received).toHaveLength(1), PATIENT);
    const late = await as('all', '#');
    arrive(2, 900, 7);
    await vi.waitFor(() => {
      expect(all.last(`${SOUTH}/oil/pressure`)).toMatchObject({ value: 7 });
      expect(late.last(`${SOUTH}/oil/pressure`)).toMatchObject({ value: 7 });
    }, PATIENT);
    arrive(1, 900, 8);
    await vi.waitFor(() => expect(north.last(`${NORTH}/oil/pressure`)).toMatchObject({ value: 8 }), PATIENT);
    for (const { topic } of [...all.heard, ...late.heard]) expect(topic).toMatch(/^uns\/v1\/acme\//);
    for (const { topic } of north.heard) expect(topic).toMatch(/^uns\/v1\/acme\/north\//);

    // The gateway's right ends at its own topics.
    await expect(gateway.client.subscribeAsync('uns/#', { qos: 1 })).rejects.toThrow();
    for (const topic of [`${NORTH}/oil/pressure`, `${NORTH}/oil/pressure/set`]) {
      const forger = await as('gw-n', undefined, { clientId: 'gw-n' });
      const closed = new Promise<void>((resolve) => forger.client.once('close', resolve));
      forger.client.publish(topic, '1', { retain: true });
      await closed;
    }
    // And an integrator's at what can be set.
    for (const topic of [topicOf('gw-n', 'data'), topicOf('gw-n', 'command'), `${NORTH}/oil/pressure`]) {
      const forger = await as('all');
      const closed = new Promise<void>((resolve) => forger.client.once('close', resolve));
      forger.client.publish(topic, '1', { retain: true });
      await closed;
    }
    expect(received).toHaveLength(1);
    expect(all.last(`${NORTH}/oil/pressure`)).toMatchObject({ value: 8 });
    expect(logged.join('')).not.toMatch(/-secret/);
  });

  test('no client takes the connection of another', async () => {
    const { as } = await rig();
    const gateway = await as('gw-n', undefined, { clientId: 'other-name' });
    const all = await as('all', undefined, { clientId: 'hmi' });
    await expect(as('all', undefined, { clientId: 'gw-n' })).rejects.toThrow();
    await expect(as('all', undefined, { clientId: 'other-name' })).rejects.toThrow();
    await expect(as('gw-n', undefined, { clientId: 'hmi' })).rejects.toThrow();
    expect([gateway.client.connected, all.client.connected]).toEqual([true, true]);
  });

  test('a set goes the way of the API, and is answered; who may not is told so', async () => {
    const { as, asked } = await rig();
    const set = `${NORTH}/oil/pressure/set`;
    const all = await as('all', 'uns/#');
    const setter = await as('setter');
    const answers = () =>
      all.heard.filter(({ topic }) => topic === `${set}/result`).map(({ text }) => JSON.parse(text));
    await setter.client.publishAsync(set, '{"value": 6, "id": "a", "comment": "c"}', { qos: 1 });
    await vi.waitFor(() => expect(answers()).toMatchObject([{ id: 'a', ok: true, new: 6 }]), PATIENT);
    await setter.client.publishAsync(set, '{"value": 6, "id": "a", "comment": "c"}', { qos: 1 });
    await vi.waitFor(() => expect(answers()).toHaveLength(2), PATIENT);
    expect(asked).toEqual([
      { by: 'setter (MQTT)', kind: 'account', address: '127.0.0.1', tag: 1, value: 6, comment: 'c' },
    ]);
    await setter.client.publishAsync(set, '99', { qos: 1 });
    await vi.waitFor(
      () => expect(answers()[2]).toMatchObject({ ok: false, error: 'the gateway is not there' }),
      PATIENT,
    );
    await all.client.publishAsync(set, '7', { qos: 1 });
    await vi.waitFor(
      () => expect(answers()[3]).toMatchObject({ error: expect.stringMatching(/"all" may not/) }),
      PATIENT,
    );
    const north = await as('north');
    await north.client.publishAsync(`${SOUTH}/oil/pressure/set`, '7', { qos: 1 });
    await vi.waitFor(
      () => expect(all.last(`${SOUTH}/oil/pressure/set/result`)).toMatchObject({ ok: false }),
      PATIENT,
    );
    await setter.client.publishAsync(set, '8', { qos: 1, retain: true });
    await vi.waitFor(() => expect(answers()[4]).toMatchObject({ error: expect.stringMatching(/retained/) }), PATIENT);
    expect(asked).toHaveLength(2);
  });

  test('a set that is refused is told with who, from where, what and why, and whether for want of a right', async () => {
    const { as, part, refused } = await rig();
    const set = `${NORTH}/oil/pressure/set`;
    const told = async (who: string, topic: string, payload: string, more = {}) => {
      const before = refused.length;
      const { client } = await as(who, undefined, who === 'gw-n' ? { clientId: 'gw-n' } : {});
      client.publish(topic, payload, { qos: 1, ...more });
      await vi.waitFor(() => expect(refused.length).toBe(before + 1), PATIENT);
      const { outcome, reason, ...each } = refused.at(-1)!;
      expect(each).toEqual({
        ...{ kind: who === 'gw-n' ? 'gateway' : 'account', name: who, address: '127.0.0.1', topic },
        payload: Buffer.from(payload),
      });
      return `${outcome}: ${reason}`;
    };
    expect(await told('all', set, '7')).toMatch(/^refused: account "all" may not set this: it has no write: true/);
    expect(await told('north', `${SOUTH}/oil/pressure/set`, '7')).toMatch(
      /^refused: .* its sites leave the topic out/,
    );
    expect(await told('gw-n', set, '7')).toBe('refused: a gateway only publishes to its own topics');
    expect(await told('all', `${NORTH}/oil/pressure`, '7')).toBe('refused: integrators only publish to …/set');
    expect(await told('setter', set, '7', { retain: true })).toMatch(/^failed: it is retained/);
    expect(await told('setter', set, 'seven')).toMatch(/^failed: this is no JSON/);
    expect(await told('setter', `${NORTH}/pressure/set`, '7')).toBe('failed: there is no tag with this topic');
    expect([set, `${NORTH}/x/set`, `${NORTH}/oil`].map((topic) => part.tagOfSet(topic))).toEqual([
      ...['gw-n/press/oil.pressure', `${NORTH}/x/set`, undefined],
    ]);
  });

  test('an integrator that stops reading holds up no gateway', async () => {
    const { broker, as, arrive, received, logged } = await rig();
    const text = (words: string) => Buffer.concat([Buffer.from([0, words.length]), Buffer.from(words)]);
    const packet = (type: number, ...parts: Buffer[]) => {
      const body = Buffer.concat(parts);
      return Buffer.concat([Buffer.from([type, body.length]), body]);
    };
    const frozen = connectTcp(broker.port, '127.0.0.1');
    onTestFinished(() => void frozen.destroy());
    await once(frozen, 'connect');
    const login = [text('frozen'), text('all'), text(SECRETS.all!)];
    frozen.write(packet(0x10, text('MQTT'), Buffer.from([4, 0xc2, 0, 0]), ...login));
    await once(frozen, 'data');
    frozen.write(packet(0x82, Buffer.from([0, 1]), text('uns/#'), Buffer.from([0])));
    await once(frozen, 'data');
    frozen.pause();
    // A topic's answer as long as a packet may be: the socket is full at once.
    const setter = await as('setter');
    const long = `"${'x'.repeat(60_000)}"`;
    const full = setInterval(() => {
      for (let i = 0; i < 20; i++) setter.client.publish(`${NORTH}/oil/pressure/set`, long);
      arrive(1, Date.now(), Math.random());
    }, 5);
    onTestFinished(() => clearInterval(full));
    await vi.waitFor(() => expect(frozen.readableLength + frozen.bytesRead).toBeGreaterThan(100_000), PATIENT);
    const gateway = await as('gw-n', undefined, { clientId: 'gw-n' });
    let slowest = 0;
    while (!logged.join('').includes('drain timeout')) {
      const from = performance.now();
      const before = received.length;
      await gateway.client.publishAsync(topicOf('gw-n', 'data'), 'x', { qos: 1 });
      await vi.waitFor(() => expect(received.length).toBeGreaterThan(before), { timeout: 15_000, interval: 5 });
      slowest = Math.max(slowest, performance.now() - from);
    }
    expect(slowest).toBeLessThan(1_500);
  });
});

describe.skipIf(!hasTool('mosquitto') || !hasTool('mosquitto_passwd'))('at Mosquitto', () => {
  test('all is said again when it has come back, and an alarm that ended meanwhile is taken away', async () => {
    const { broker, passwordFile, panel } = await plantBroker('hub');
    const before = await panel('uns/#');
    await before.client.publishAsync(`${NORTH}/_alarm/old`, '{}', { qos: 1, retain: true });
    const uns = `, broker: { url: "${broker.url}", username: hub, passwordFile: ${passwordFile} }`;
    const { arrive } = await rig('mqtt: { port: 0 }\n', uns);
    await vi.waitFor(() => {
      expect(before.last(`${NORTH}/oil/pressure`)).toMatchObject({ value: 4.5 });
      expect(before.last(`${NORTH}/_alarm/old`)).toBe('');
    }, PATIENT);
    await broker.kill();
    arrive(2, 900, 7);
    await broker.restart();
    const after = await panel('uns/#');
    await vi.waitFor(() => {
      expect(after.last(`${NORTH}/oil/pressure`)).toMatchObject({ value: 4.5 });
      expect(after.last(`${SOUTH}/oil/pressure`)).toMatchObject({ value: 7 });
      expect(after.last('uns/v1/acme/_hub/state')).toMatchObject({ online: true });
    }, PATIENT);
  });
});
