/**
 * A plant for benches of the hub: the hub as its own process on real stores, and gateways played by this process, which
 * publish what devices of 50 tags give once a second.
 */
import { type EventEmitter, once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { request as requestOverTls, Agent as TlsAgent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Committed } from '@lineside/shared/contracts/link.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { EPOCH, envelope, type TestSample, tagInfo } from '../services/gateway-records.ts';
import { gatewayStatus } from '../services/hub-world.ts';
import { hasInfluxDb, InfluxDb } from '../services/influxdb.ts';
import { newRelational } from '../services/new-relational.ts';
import { hasPostgres, Postgres } from '../services/postgres.ts';
import { Program } from '../services/program.ts';

export const TAGS_EACH = 50;
const SECRET = 'secret of a gateway of the bench';

export interface BenchPlantOptions {
  gateways: number;
  devicesEach: number;
  stores: 'embedded' | 'servers';
  /** Of pages, API and live socket. */
  tls: boolean;
  profileDir: string | undefined;
  say(line: string): void;
}

interface Answered {
  answer: IncomingMessage;
  text: string;
}

interface Told {
  url: string;
  mqttPort: number;
  firstPassword: string;
}

export class BenchPlant {
  readonly #options: BenchPlantOptions;
  readonly #dir: string;
  readonly #hub: Program;
  readonly #gateways: BenchGateway[] = [];
  #servers: { end(): Promise<unknown> }[] = [];
  url = '';
  /** What clients trust, PEM; undefined without TLS. */
  ca: string | undefined;
  /** The Cookie header of a session. */
  cookie = '';

  static async start(options: BenchPlantOptions): Promise<BenchPlant> {
    const plant = new BenchPlant(options, await mkdtemp(join(tmpdir(), 'lineside-bench-')));
    try {
      await plant.#start();
    } catch (error) {
      await plant.stop();
      throw error;
    }
    return plant;
  }

  private constructor(options: BenchPlantOptions, dir: string) {
    this.#options = options;
    this.#dir = dir;
    const profile = options.profileDir ? ['--cpu-prof', `--cpu-prof-dir=${options.profileDir}`] : [];
    this.#hub = new Program({
      name: 'hub',
      args: [...profile, 'hub/main.ts', 'run', '--config', join(dir, 'hub.yaml')],
      complain: (line) => options.say(`  hub: ${line.slice(0, 300)}`),
    });
  }

  get pid(): number {
    return this.#hub.pid;
  }

  /** Paths of all machines. */
  get machines(): string[] {
    const { gateways, devicesEach } = this.#options;
    return Array.from({ length: gateways * devicesEach }, (_, i) => `acme/site/area/line/c-${i}`);
  }

  /** Every gateway publishes one sample of each of its tags, each second, at its own moment of the second. */
  feed(): void {
    for (const [i, gateway] of this.#gateways.entries()) gateway.feed((i * 1_000) / this.#gateways.length);
  }

  /** Has the hub commit a past of `seconds` samples of every tag, one a second, that ends now. */
  async fill(seconds: number): Promise<void> {
    const begin = Date.now() - seconds * 1_000;
    await Promise.all(this.#gateways.map((gateway) => gateway.fill(begin, seconds)));
  }

  /** Connections that are kept, so many at most. */
  newAgent(maxSockets: number): Agent {
    return this.ca
      ? new TlsAgent({ keepAlive: true, maxSockets, ca: this.ca })
      : new Agent({ keepAlive: true, maxSockets });
  }

  /** Reads, or posts a body, under the session when there is one. */
  request(path: string, { agent, body }: { agent?: Agent; body?: string } = {}): Promise<Answered> {
    const headers = { cookie: this.cookie, ...(body && { 'content-type': 'application/json' }) };
    const how = { headers, ...(agent && { agent }), method: body ? 'POST' : 'GET' };
    return new Promise((resolve, reject) => {
      const take = (answer: IncomingMessage) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('end', () => resolve({ answer, text: Buffer.concat(chunks).toString() }));
        answer.once('error', reject);
      };
      const url = `${this.url}${path}`;
      const sent = this.ca ? requestOverTls(url, { ...how, ca: this.ca }, take) : request(url, how, take);
      sent.once('error', reject);
      sent.end(body);
    });
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    for (const gateway of this.#gateways) gateway.stop();
    await this.#hub.stop().catch(() => undefined);
    for (const server of this.#servers.splice(0)) await server.end();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    await this.#configure();
    const told = (await this.#hub.start()) as unknown as Told;
    this.url = told.url;
    if (this.#options.tls) this.ca = await readFile(join(this.#dir, 'data', 'authority', 'ca.pem'), 'utf8');
    const body = JSON.stringify({ name: 'admin', password: told.firstPassword });
    const { answer, text } = await this.request('/api/v1/login', { body });
    if (answer.statusCode !== 200) throw new Error(`the hub refuses to sign in: ${text}`);
    this.cookie = answer.headers['set-cookie']![0]!.split(';')[0]!;
    const { gateways, devicesEach } = this.#options;
    for (let i = 0; i < gateways; i++) this.#gateways.push(new BenchGateway(`gw-${i}`, devicesEach));
    await Promise.all(this.#gateways.map((gateway) => gateway.connect(told.mqttPort)));
  }

  async #configure(): Promise<void> {
    const { gateways, devicesEach } = this.#options;
    const dir = this.#dir;
    const cells = this.machines.map((_path, i) => {
      const gateway = Math.floor(i / devicesEach);
      const signals =
        'state: { tag: t0 }, counters: { total: t1, idealPerHour: 3600 }, show: [{ tag: t2 }, { tag: t3 }]';
      return `{ id: c-${i}, name: Cell ${i}, gateway: gw-${gateway}, device: d-${i % devicesEach}, ${signals} }`;
    });
    const shifts = '[{ name: Day, from: "00:00", to: "00:00" }]';
    const line = `{ id: line, name: Line, cells: [${cells.join(', ')}] }`;
    const area = `{ id: area, name: Area, lines: [${line}] }`;
    const site = `{ id: site, name: Site, timeZone: UTC, shifts: ${shifts}, areas: [${area}] }`;
    await writeFile(join(dir, 'plant.yaml'), `{ enterprise: { id: acme, name: Acme }, sites: [${site}] }\n`);
    const ids = Array.from({ length: gateways }, (_, i) => `{ id: gw-${i}, passwordFile: secret }`);
    const limits = 'limits: { requestsAMinute: 1000000, addressRequestsAMinute: 10000000 }';
    const lines = [
      ...[
        'plant: plant.yaml',
        'dataDir: data',
        `http: { port: 0, ${this.#options.tls ? 'tls: {}, ' : ''}${limits} }`,
        'mqtt: { port: 0 }',
      ],
      `gateways: [${ids.join(', ')}]`,
      ...(await this.#stores()),
    ];
    await writeFile(join(dir, 'hub.yaml'), `${lines.join('\n')}\n`);
    await writeFile(join(dir, 'secret'), `${SECRET}\n`, { mode: 0o600 });
  }

  async #stores(): Promise<string[]> {
    if (this.#options.stores === 'embedded') {
      await mkdir(join(this.#dir, 'data'));
      await newRelational(join(this.#dir, 'data', 'relational'));
      return [];
    }
    if (!hasPostgres || !hasInfluxDb)
      throw new Error('--store servers needs PostgreSQL and InfluxDB on this machine');
    // With fsync, as a plant has it.
    const postgres = await Postgres.start(['fsync=on', 'shared_buffers=128MB', 'autovacuum=on']);
    this.#servers.push({ end: () => postgres.dispose() });
    const influx = await InfluxDb.start();
    this.#servers.push({ end: () => influx.remove() });
    const { url, username } = postgres.settings(await postgres.newDatabase());
    return [
      `relational: { url: "${url}", username: ${username} }`,
      `timeSeries: { influx: ${JSON.stringify(await influx.settings('lineside'))} }`,
    ];
  }
}

/** What a gateway does, as far as the hub can tell; nothing is kept, so nothing is sent twice. */
class BenchGateway {
  readonly #id: string;
  readonly #devices: number;
  #client!: MqttClient;
  #seq = 0;
  #committed = 0;
  #heard: () => void = () => undefined;
  #timers: NodeJS.Timeout[] = [];

  constructor(id: string, devices: number) {
    this.#id = id;
    this.#devices = devices;
  }

  async connect(port: number): Promise<void> {
    const login = { clientId: this.#id, username: this.#id, password: SECRET };
    this.#client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { ...login, reconnectPeriod: 0 });
    await once(this.#client as unknown as EventEmitter, 'connect');
    this.#client.on('message', (_topic, payload) => {
      this.#committed = (JSON.parse(payload.toString()) as Committed).seq;
      this.#heard();
    });
    await this.#client.subscribeAsync(topicOf(this.#id, 'committed'), { qos: 1 });
    await this.#status();
    await this.#publish('hello', JSON.stringify({ epoch: EPOCH, oldest: 1, newest: 1 }));
    const tags = Array.from({ length: this.#devices * TAGS_EACH }, (_, i) =>
      tagInfo(i + 1, `t${i % TAGS_EACH}`, 'float64', `d-${Math.floor(i / TAGS_EACH)}`),
    );
    await this.#send({ tags });
    this.#timers.push(setInterval(() => void this.#status(), 5_000));
  }

  /** @param offsetMs when in the second it publishes */
  feed(offsetMs: number): void {
    const begin = setTimeout(() => {
      this.#timers.push(setInterval(() => this.#now(Date.now()), 1_000));
    }, offsetMs);
    this.#timers.push(begin);
  }

  /** Resolves when all of it is committed. */
  async fill(begin: number, seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 10) {
      const samples: TestSample[][] = Array.from({ length: this.#devices }, () => []);
      for (let s = second; s < Math.min(second + 10, seconds); s++) {
        for (let device = 0; device < this.#devices; device++) {
          samples[device]!.push(...this.#samples(device, begin + s * 1_000));
        }
      }
      for (let device = 0; device < this.#devices; device++) {
        await this.#send({ device: `d-${device}`, samples: samples[device]! });
      }
      // No more than a gateway's window is on its way.
      await this.#until(this.#seq - 64);
    }
    await this.#until(this.#seq);
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#client?.end(true);
  }

  #now(at: number): void {
    for (let device = 0; device < this.#devices; device++) {
      void this.#send({ device: `d-${device}`, samples: this.#samples(device, at) }).catch(() => undefined);
    }
  }

  #samples(device: number, at: number): TestSample[] {
    return Array.from({ length: TAGS_EACH }, (_, i): TestSample => {
      const first = i === 0 ? 6 : i === 1 ? Math.floor(at / 1_000) % 1e6 : undefined;
      return [device * TAGS_EACH + i + 1, at, first ?? Math.round((50 + 10 * Math.sin(at / 7_000 + i)) * 100) / 100];
    });
  }

  #send(record: Parameters<typeof envelope>[1]): Promise<unknown> {
    return this.#publish('data', envelope(++this.#seq, record));
  }

  #status(): Promise<unknown> {
    const devices = Array.from({ length: this.#devices }, (_, i) => {
      return { ...gatewayStatus().devices[0]!, device: `d-${i}` };
    });
    return this.#publish('status', JSON.stringify({ ...gatewayStatus(), gateway: this.#id, devices }));
  }

  #publish(kind: 'status' | 'hello' | 'data', payload: string | Buffer): Promise<unknown> {
    return this.#client.publishAsync(topicOf(this.#id, kind), payload, { qos: 1 });
  }

  async #until(seq: number): Promise<void> {
    while (this.#committed < seq) await new Promise<void>((resolve) => (this.#heard = resolve));
  }
}
