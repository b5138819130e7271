/** A plant with a Mosquitto of its own, set up as docs/operations/enrolment.md says: commands, files, real programs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LocalPicture } from '../../gateway/local/local-server.ts';
import { freePorts } from '../services/free-ports.ts';
import { gatewayStatus } from '../services/hub-world.ts';
import { hasMosquitto, Mosquitto } from '../services/mosquitto.ts';
import { newRelational } from '../services/new-relational.ts';
import { Program } from '../services/program.ts';
import { pumpGateway, pumpPlant } from '../services/pump-plant.ts';
import { tempDirOfFile } from '../services/temp-dir.ts';
import { typed } from '../services/typed.ts';

const PATIENT = { timeout: 40_000, interval: 100 };

describe.skipIf(!hasMosquitto)(
  'a Mosquitto with the files of `hub mosquitto-config` (needs mosquitto)',
  { timeout: 120_000 },
  () => {
    const dir = tempDirOfFile('lineside-mosquitto-access-');
    const program = (name: string) =>
      new Program({ name, args: [`${name}/main.ts`, 'run', '--config', join(dir, `${name}.yaml`)] });
    const [hub, gateway] = [program('hub'), program('gateway')];
    const clients: MqttClient[] = [];
    const passwords: Record<string, string> = {};
    let broker: Mosquitto;
    let address: string;
    let local: string;
    let cookie: string;
    /** Ports in place of those that are written, 8883 and 8884. */
    let certified: number;
    let open: number;

    /** A command as somebody types it. */
    async function run(name: 'hub' | 'gateway', ...args: string[]): Promise<string> {
      const { code, out, err } = await typed(`${name}/main.ts`, ...args, '--config', join(dir, `${name}.yaml`));
      if (code !== 0) throw new Error(err);
      return out;
    }

    async function api<T>(method: string, path: string, body?: object): Promise<T> {
      const headers = { cookie, ...(body ? { 'content-type': 'application/json' } : {}) };
      const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
      const response = await fetch(`${address}/api/v1${path}`, init);
      expect(response.ok, `${path}: ${response.status}`).toBe(true);
      return (await response.json()) as T;
    }

    const ca = () => readFileSync(join(dir, 'mosquitto/ca.pem'), 'utf8');
    const link = async () => ((await (await fetch(`${local}/api/status`)).json()) as LocalPicture).link;
    const online = async () => {
      const { items } = await api<{ items: GatewayView[] }>('GET', '/gateways');
      return items.filter((view) => view.online).map(({ id }) => id);
    };

    async function writeFiles(): Promise<void> {
      await run('hub', 'mosquitto-config', '--out', join(dir, 'mosquitto'), '--names', 'localhost');
      const file = join(dir, 'mosquitto/lineside.conf');
      const text = readFileSync(file, 'utf8');
      writeFileSync(
        file,
        text.replace('listener 8883', `listener ${certified}`).replace('listener 8884', `listener ${open}`),
      );
    }

    async function kept(connecting: Promise<MqttClient>): Promise<MqttClient> {
      const client = await connecting;
      clients.push(client);
      client.on('error', () => undefined);
      return client;
    }

    const byPassword = (username: string) =>
      kept(
        mqtt.connectAsync(`mqtts://localhost:${open}`, {
          username,
          password: passwords[username]!,
          ca: ca(),
          reconnectPeriod: 0,
        }),
      );

    /** With the key and certificate that `gateway enrol` has put down. */
    const byCertificate = (options: IClientOptions) => {
      const own = readFileSync(join(dir, 'gateway/identity/gateway.pem'));
      const base = { cert: own, key: own, ca: ca(), reconnectPeriod: 0 };
      return kept(mqtt.connectAsync(`mqtts://localhost:${certified}`, { ...base, ...options }));
    };

    /** Topics that a client hears, whatever it asks for. */
    async function hears(client: MqttClient): Promise<Set<string>> {
      const topics = new Set<string>();
      client.on('message', (topic) => topics.add(topic));
      await client.subscribeAsync(['#', 'lineside/#', 'uns/v1/acme/essen/#'], { qos: 1 });
      return topics;
    }

    beforeAll(async () => {
      const [page, ...ports] = await freePorts(3);
      [certified, open] = ports as [number, number];
      // Not as the hub tells it: lines of its log name the broker by the same word.
      address = `http://127.0.0.1:${page}`;
      mkdirSync(join(dir, 'mosquitto'));
      writeFileSync(join(dir, 'plant.yaml'), pumpPlant({ hamburg: 'line-1', essen: 'line-2' }));
      writeFileSync(join(dir, 'hub-password'), 'of hub\n', { mode: 0o600 });
      writeFileSync(
        join(dir, 'hub.yaml'),
        `plant: plant.yaml
dataDir: hub
http: { port: ${page} }
mqtt:
  broker: { url: "mqtts://localhost:${open}", username: hub, passwordFile: hub-password, tls: { caFile: hub/authority/ca.pem } }
enrolment: { gatewayUrl: "mqtts://localhost:${certified}" }
uns: { enabled: true }
timeSeries: { memoryLimit: 128MB }
`,
      );
      const link = `url: "mqtts://localhost:${certified}", identityDir: gateway/identity`;
      writeFileSync(join(dir, 'gateway.yaml'), pumpGateway(link));
      await newRelational(join(dir, 'hub', 'relational'));
      const { firstPassword } = await hub.start();
      const login = await fetch(`${address}/api/v1/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'admin', password: firstPassword }),
      });
      cookie = login.headers.get('set-cookie')!.split(';')[0]!;
      const token = (await run('hub', 'enrol-token', 'line-1')).trim();
      expect(await run('gateway', 'enrol', '--hub', address, '--token', token)).toContain('Nothing more to do');
      for (const [name, sites] of Object.entries({ energy: ['hamburg'], scada: null })) {
        passwords[name] = (
          await api<{ password: string }>('POST', '/mqtt-accounts', { name, ...(sites && { sites }) })
        ).password;
      }
      await writeFiles();
      broker = await Mosquitto.start(dir, ['allow_anonymous false', `include_dir ${join(dir, 'mosquitto')}`]);
      local = String((await gateway.start()).localUrl);
    }, 120_000);
    afterAll(async () => {
      await gateway.dispose();
      await hub.dispose();
      await broker?.kill();
    });
    afterEach(() => {
      for (const client of clients.splice(0)) client.end(true);
    });

    test('lets in the hub by its password and the gateway by its certificate, with nothing else to be set', async () => {
      await vi.waitFor(async () => expect(await link()).toMatchObject({ connected: true, reason: '' }), PATIENT);
      await vi.waitFor(async () => expect(await online()).toEqual(['line-1']), PATIENT);
      expect(await (await fetch(`${address}/ready`)).json()).toMatchObject({ status: 'ready' });
    });

    test('holds a gateway to its own topics, whatever name it gives', async () => {
      await vi.waitFor(async () => expect(await online()).toEqual(['line-1']), PATIENT);
      const heard = await hears(await byPassword('scada'));
      const status = JSON.stringify(gatewayStatus({ gateway: 'line-2', at: Date.now() }));
      for (const topic of [
        topicOf('line-2', 'status'),
        'uns/v1/acme/hamburg/area/line/pump/false',
        topicOf('line-1', 'command'),
      ]) {
        const thief = await byCertificate({ username: 'line-2', clientId: 'thief' });
        const closed = new Promise((resolve) => thief.once('close', () => resolve(undefined)));
        await Promise.race([
          thief.publishAsync(topic, status, { qos: 1, retain: true }).catch(() => undefined),
          closed,
        ]);
      }
      // What the gateway itself sends afterwards has come past all that was sent before; nobody can read it, which is counted.
      const own = await byCertificate({ username: 'line-1', clientId: 'line-1-too' });
      await own.publishAsync(topicOf('line-1', 'data'), 'no record', { qos: 1 });
      await vi.waitFor(async () => {
        const { items } = await api<{ items: GatewayView[] }>('GET', '/gateways');
        expect(items.find(({ id }) => id === 'line-1')).toMatchObject({ quarantined: 1 });
      }, PATIENT);
      expect(await online()).toEqual(['line-1']);
      expect([...heard].filter((topic) => topic.endsWith('/false') || topic.startsWith('lineside/'))).toEqual([]);
    });

    test('lets integrators hear their sites, and say nothing', async () => {
      const [energy, scada] = [await hears(await byPassword('energy')), await hears(await byPassword('scada'))];
      const state = (name: string) => `uns/v1/acme/${name}/area/line/pump/_state/pump`;
      await vi.waitFor(
        () => expect([scada.has(state('hamburg')), scada.has(state('essen'))]).toEqual([true, true]),
        PATIENT,
      );
      await vi.waitFor(() => expect(energy.has(state('hamburg'))).toBe(true), PATIENT);
      expect([...energy].filter((topic) => !topic.startsWith('uns/v1/acme/hamburg/'))).toEqual([]);
      await expect(
        mqtt.connectAsync(`mqtts://localhost:${open}`, {
          username: 'energy',
          password: 'wrong',
          ca: ca(),
          reconnectPeriod: 0,
        }),
      ).rejects.toThrow(/Not authorized/);
      const client = await byPassword('energy');
      const closed = new Promise((resolve) => client.once('close', () => resolve(undefined)));
      await Promise.race([
        client.publishAsync(state('hamburg'), 'escaped', { qos: 1 }).catch(() => undefined),
        closed,
      ]);
      const late = await byPassword('scada');
      const [payload] = await Promise.all([
        new Promise<string>((resolve) => late.on('message', (_topic, message) => resolve(String(message)))),
        late.subscribeAsync(state('hamburg'), { qos: 1 }),
      ]);
      expect(JSON.parse(payload)).toHaveProperty('timestamp_ms');
    });

    test('shuts out a gateway that is revoked once its files are written again, and one whose account is gone', async () => {
      await run('hub', 'revoke', 'line-1', '--reason', 'sold');
      const response = await fetch(`${address}/api/v1/mqtt-accounts/energy`, {
        method: 'DELETE',
        headers: { cookie },
      });
      expect(response.status).toBe(204);
      await writeFiles();
      await broker.kill('SIGTERM');
      await broker.restart();
      await vi.waitFor(async () => expect((await link()).connected).toBe(false), PATIENT);
      await vi.waitFor(async () => expect((await link()).reason).toMatch(/certificate/), PATIENT);
      await expect(byPassword('energy')).rejects.toThrow(/Not authorized/);
      await vi.waitFor(
        async () => expect(await (await fetch(`${address}/ready`)).json()).toMatchObject({ status: 'ready' }),
        PATIENT,
      );
      await byPassword('scada');
      expect(await online()).toEqual([]);
    });
  },
);
