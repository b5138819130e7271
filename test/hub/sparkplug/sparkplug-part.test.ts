/** The hub as a Sparkplug host: with our own edge node and one of others, at its own broker and at Mosquitto. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import { readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch, readEnvelope } from '@lineside/shared/wire/envelope.ts';
import { connectAsync, type IClientOptions } from 'mqtt';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { GatewayBus } from '../../../hub/broker/gateway-bus.ts';
import { loadHubConfig } from '../../../hub/config/load-config.ts';
import { SparkplugPart } from '../../../hub/sparkplug-part.ts';
import { GROUP, HOST, NODE, NodeRig, PATIENT } from '../../gateway/sparkplug/node-rig.ts';
import { SparkplugHost as Listener } from '../../gateway/sparkplug/sparkplug-host.ts';
import { hasMosquitto, Mosquitto } from '../../services/mosquitto.ts';
import { PysparkplugPeer } from '../../services/pysparkplug.ts';
import { pythonOf } from '../../services/python-peers.ts';
import { tempDir } from '../../services/temp-dir.ts';

const SOURCE = `sparkplug:${GROUP}/${NODE}`;
const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - id: north
    name: North
    timeZone: UTC
    shifts: [{ name: Day, from: "00:00", to: "00:00" }]
    areas: [{ id: a, name: A, lines: [{ id: l, name: L, cells: [{ id: press, name: Press, gateway: "${SOURCE}", device: press }] }] }]
`;

/** What the hub has made of what it heard, in the order in which it came. */
class Hub {
  readonly heard: { what: string; value: unknown; quality: number; historical: boolean }[] = [];
  readonly refused: string[] = [];
  readonly statuses = new Map<string, GatewayStatus>();
  readonly part: SparkplugPart;

  constructor(part: (hub: Hub) => SparkplugPart) {
    this.part = part(this);
  }

  take(envelope: Buffer): void {
    const { epoch, seq, batch: bytes } = readEnvelope(envelope);
    const batch = readBatch(decompressBatch(bytes));
    for (const { id, device, name } of batch.catalog) this.#names.set(`${epoch} ${id}`, `${device}/${name}`);
    for (const { from, to, historical } of batch.frames) {
      for (let i = from; i < to; i++) {
        const what = this.#names.get(`${epoch} ${batch.tags[i]}`)!;
        this.heard.push({ what, value: batch.values.at(i), quality: batch.quality[i]!, historical });
      }
    }
    this.part.answered(SOURCE, { epoch, seq, resend: false });
  }
  readonly #names = new Map<string, string>();

  of(what: string): unknown[] {
    return this.heard.filter((sample) => sample.what === what && !sample.historical).map(({ value }) => value);
  }

  device(name: string) {
    return this.statuses.get(SOURCE)?.devices.find(({ device }) => device === name);
  }
}

async function makeHub(yaml: string): Promise<{ hub: Hub; dir: string }> {
  const dir = await tempDir();
  await writeFile(join(dir, 'plant.yaml'), PLANT);
  for (const name of ['node', 'other']) await writeFile(join(dir, name), `${name}-secret\n`);
  await writeFile(join(dir, 'hub.yaml'), `plant: plant.yaml\n${yaml}`);
  const config = loadHubConfig(join(dir, 'hub.yaml'));
  const hub = new Hub(
    (self) =>
      new SparkplugPart({
        ...{ config, settings: config.sparkplug!, now: Date.now, log: pino({ level: 'silent' }), rebirthMs: 300 },
        take: async (_name, envelope) => self.take(envelope),
        quarantine: async (_name, reason) => void self.refused.push(reason),
        before: () => undefined,
        report: (status) => void self.statuses.set(status.gateway, status),
      }),
  );
  return { hub, dir };
}

/** Births, data, history of the past, a device and the node that go and come. */
async function lifeOf(hub: Hub, rig: NodeRig): Promise<void> {
  await vi.waitFor(() => expect(hub.of('press/temperature')).toEqual([20.5]), PATIENT);
  expect(hub.of('press/state')).toEqual(['Idle']);
  await vi.waitFor(() => expect(hub.of('press/$link')).toEqual([1]), PATIENT);
  rig.frame('press', { temperature: 21, parts: -3 });
  rig.frame('press', { temperature: null }, { quality: 0x808a_0000 });
  rig.frame('press', { temperature: 18 }, { at: Date.now() - 60_000, historical: true });
  await vi.waitFor(() => expect(hub.of('press/temperature')).toEqual([20.5, 21, null]), PATIENT);
  const past = () => hub.heard.filter(({ what, historical }) => historical && what === 'press/temperature');
  await vi.waitFor(() => expect(past().map(({ value }) => value)).toContain(18), PATIENT);
  expect(hub.of('press/parts')).toContain(-3);
  rig.turn('press', 'down');
  await vi.waitFor(() => expect(hub.of('press/$link')).toEqual([1, 0]), PATIENT);
  rig.turn('press', 'up');
  await vi.waitFor(() => expect(hub.of('press/$link')).toEqual([1, 0, 1]), PATIENT);
  await rig.node.stop();
  await vi.waitFor(() => expect(hub.of('press/$link')).toEqual([1, 0, 1, 0]), PATIENT);
  expect(hub.heard.filter(({ what }) => what === 'press/state').at(-1)).toMatchObject({ value: null });
  await vi.waitFor(() => expect(hub.device('press')).toMatchObject({ state: 'down' }), PATIENT);
  expect(hub.device('press')!.reason).toMatch(/the node is gone/);
  expect(hub.statuses.get(SOURCE)).toMatchObject({ online: false });
  expect(hub.refused).toEqual([]);
}

const first = (rig: NodeRig) => rig.frame('press', { temperature: 20.5, state: 'Idle', parts: 1 });

describe('at the embedded broker', () => {
  const start = async () => {
    const nodes = `nodes: [{ name: ${NODE}, group: ${GROUP}, passwordFile: node }, { name: other, group: ${GROUP}, passwordFile: other }]`;
    const { hub } = await makeHub(`sparkplug: { hostId: ${HOST}, reorderMs: 200, ${nodes} }\n`);
    const broker = new EmbeddedBroker({
      ...{ host: '127.0.0.1', port: 0, credentials: new Credentials(), publishers: hub.part.door },
      log: pino({ level: 'silent' }),
    });
    await broker.start(async () => undefined);
    onTestFinished(() => broker.stop());
    hub.part.start(broker);
    onTestFinished(() => hub.part.stop());
    return { hub, url: `mqtt://127.0.0.1:${broker.port}` };
  };
  const as = async (url: string, username: string, more: IClientOptions = {}) => {
    const password = username === NODE ? 'node-secret' : 'other-secret';
    const client = await connectAsync(url, { username, password, clientId: username, reconnectPeriod: 0, ...more });
    onTestFinished(async () => void client.end(true));
    return client;
  };

  test('our edge node is heard from its birth to its death', async () => {
    const { hub, url } = await start();
    const rig = await NodeRig.make(
      await tempDir(),
      url,
      { primaryHost: HOST },
      { username: NODE, password: 'node-secret' },
    );
    first(rig);
    await rig.start();
    await lifeOf(hub, rig);
  });

  test('a node says and hears what is its own; its will is carried out, and nothing of it is kept', async () => {
    const { hub, url } = await start();
    const own = `spBv1.0/${GROUP}`;
    const death = { topic: `${own}/NDEATH/${NODE}`, payload: Buffer.alloc(0), qos: 1 as const, retain: true };
    const node = await as(url, NODE, { will: death });
    const heard: string[] = [];
    node.on('message', (topic) => void heard.push(topic));
    await node.subscribeAsync([`${own}/NCMD/${NODE}`, `${own}/+/#`, 'spBv1.0/STATE/#'], { qos: 1 });
    // Data before a birth: the hub asks for it.
    await node.publishAsync(`${own}/NDATA/${NODE}`, Buffer.alloc(0), { qos: 1, retain: true });
    await vi.waitFor(
      () => expect(new Set(heard)).toEqual(new Set([`${own}/NCMD/${NODE}`, `spBv1.0/STATE/${HOST}`])),
      PATIENT,
    );
    await node.publishAsync(`${own}/NBIRTH/${NODE}`, Buffer.from([0x18, 0]), { qos: 1 });
    await vi.waitFor(() => expect(hub.statuses.get(SOURCE)?.online).toBe(true), PATIENT);
    const other = await as(url, 'other');
    const refused = await other.subscribeAsync('#', { qos: 1 }).catch((error: Error) => error.message);
    expect(JSON.stringify(refused)).toMatch(/128|refused|subscribe/i);
    await other.subscribeAsync('spBv1.0/#', { qos: 1 });
    const theirs: string[] = [];
    other.on('message', (topic) => void theirs.push(topic));
    const ended = once(other as never, 'close');
    other.publish(`${own}/NDEATH/${NODE}`, '');
    await ended;
    expect(hub.statuses.get(SOURCE)?.online).toBe(true);
    node.stream.destroy();
    await vi.waitFor(() => expect(hub.statuses.get(SOURCE)?.online).toBe(false), PATIENT);
    expect(theirs.filter((topic) => topic.includes(NODE))).toEqual([]);
  });
});

describe.skipIf(!hasMosquitto)('at Mosquitto', () => {
  let folder: string;
  let broker: Mosquitto;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lineside-sparkplug-host-'));
    broker = await Mosquitto.start(folder);
  });
  afterAll(async () => {
    await broker?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async () => {
    const groups = `groups: [${GROUP}]`;
    const { hub } =
      await makeHub(`sparkplug: { hostId: ${HOST}, reorderMs: 200, ${groups}, broker: { url: "${broker.url}" } }
mqtt: { port: 0 }\n`);
    return hub;
  };
  const run = (hub: Hub) => {
    hub.part.start({} as GatewayBus);
    onTestFinished(() => hub.part.stop());
  };

  test('our edge node waits for the hub’s STATE, and is heard; a broker that dies is told, and come back to', async () => {
    const hub = await start();
    const rig = await NodeRig.make(await tempDir(), broker.url, { primaryHost: HOST });
    first(rig);
    rig.node.start();
    await vi.waitFor(() => expect(rig.node.state().reason).toMatch(/waiting for the primary host/), PATIENT);
    run(hub);
    await rig.online();
    await vi.waitFor(() => expect(hub.of('press/$link')).toEqual([1]), PATIENT);
    await broker.kill();
    await vi.waitFor(() => expect(hub.device('press')).toMatchObject({ state: 'down' }), PATIENT);
    await broker.restart();
    await vi.waitFor(() => expect(hub.of('press/temperature')).toEqual([20.5, null, 20.5]), PATIENT);
    await hub.part.stop();
    await rig.offline();
  });

  test('a node that was there first is asked for its births; so it is when messages are lost', async () => {
    const listener = await Listener.connect(broker.url, GROUP, NODE);
    onTestFinished(() => listener.close());
    const rig = await NodeRig.make(await tempDir(), broker.url);
    first(rig);
    await rig.start();
    const hub = await start();
    run(hub);
    await vi.waitFor(() => expect(hub.of('press/temperature')).toEqual([20.5]), PATIENT);
    const births = listener.of('NBIRTH').length;
    // Far ahead of what the node will say.
    const { seq } = listener.heard.at(-1)!.payload;
    await listener.raw(`spBv1.0/${GROUP}/NDATA/${NODE}`, Buffer.from([0x18, ...varint((seq! + 100) % 256)]));
    await vi.waitFor(() => expect(listener.of('NBIRTH').length).toBeGreaterThan(births), PATIENT);
    rig.frame('press', { temperature: 25 });
    await vi.waitFor(() => expect(hub.of('press/temperature').at(-1)).toBe(25), PATIENT);
  });

  test.skipIf(!pythonOf('pysparkplug'))('an edge node of pysparkplug is a machine with all its types', async () => {
    const hub = await start();
    run(hub);
    const peer = await PysparkplugPeer.start('node', broker.port, GROUP, NODE);
    onTestFinished(() => peer.stop());
    await vi.waitFor(() => expect(hub.of('press/$link')).toEqual([1]), PATIENT);
    const said = hub.heard.filter(({ what }) => what.startsWith('press/') && !what.includes('$'));
    expect(said.map(({ what, value }) => [what.slice(6), value])).toEqual([
      ['INT8/0', -128],
      ['INT16/1', -2],
      ['INT32/2', -(2 ** 31)],
      ['INT64/3', '-9007199254740993'],
      ['UINT8/4', 255],
      ['UINT16/5', 65_535],
      ['UINT32/6', 2 ** 32 - 1],
      ['UINT64/7', '18446744073709551615'],
      ['FLOAT/8', 1.5],
      ['DOUBLE/9', 1e300],
      ['BOOLEAN/10', true],
      ['STRING/11', 'Störung'],
      ['TEXT/12', ''],
      ['UUID/13', '6b7c9d8e-0000-4000-8000-1234567890ab'],
      ['DATETIME/14', 1_795_337_589_000],
      ['DOUBLE/17', null],
    ]);
    await vi.waitFor(() => expect(hub.device('press')).toMatchObject({ state: 'up' }), PATIENT);
    expect(hub.device('press')!.reason).toBe('not taken: BYTES/15 (Bytes), INT16_ARRAY/16 (Int16Array)');
    const before = hub.heard.length;
    peer.order({ update: true });
    await vi.waitFor(() => expect(hub.heard.length).toBeGreaterThan(before), PATIENT);
    await peer.stop();
    await vi.waitFor(() => expect(hub.device('press')).toMatchObject({ state: 'down' }), PATIENT);
    expect(hub.refused).toEqual([]);
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
}
