/** The rights that the hub writes for a Mosquitto, held by a real one: each may do its own, and nobody gets out of it. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Authority } from '../../../hub/enrolment/authority.ts';
import { newKey } from '../../../hub/enrolment/x509.ts';
import { type MosquittoAccess, mosquittoFiles } from '../../../hub/mqtt-accounts/mosquitto-files.ts';
import { hashPassword, verifyPassword } from '../../../hub/mqtt-accounts/password-hash.ts';
import { freePorts } from '../../services/free-ports.ts';
import { hasMosquitto, Mosquitto } from '../../services/mosquitto.ts';
import { listens } from '../../services/outside-tools.ts';
import { tempDirOfFile } from '../../services/temp-dir.ts';

const PATIENT = { timeout: 10_000, interval: 20 };
const dir = tempDirOfFile('lineside-mosquitto-');
const log = pino({ level: 'silent' });
const clients: MqttClient[] = [];

interface Identity {
  cert: string;
  key: string;
}

describe.skipIf(!hasMosquitto)('Mosquitto with what `hub mosquitto-config` writes (needs mosquitto)', () => {
  let broker: Mosquitto;
  let authority: Authority;
  let certified: number;
  let open: number;
  let access: MosquittoAccess;
  let hub: MqttClient;
  const heard: string[] = [];
  const identities = new Map<string, Identity>();

  /** As the hub issues it. */
  async function identityOf(name: string, by = authority): Promise<Identity> {
    const { pair, pem } = await newKey();
    const publicKey = Buffer.from(await crypto.subtle.exportKey('spki', pair.publicKey));
    return { cert: await by.client(name, publicKey, Date.now(), 9), key: pem };
  }

  async function write(revoked: string[], gateways: string[]): Promise<string[]> {
    const entries = revoked.map((name) => ({ serial: serialOf(identities.get(name)!.cert), at: Date.now() }));
    access = {
      hub: { name: 'hub', passwordHash: hashPassword('of hub') },
      gateways: [...gateways.map((id) => ({ id })), { id: 'line-8', passwordHash: hashPassword('of line-8') }],
      accounts: [
        { name: 'energy', passwordHash: hashPassword('of energy'), sites: ['hamburg'] },
        { name: 'scada', passwordHash: hashPassword('of scada'), sites: null },
      ],
      uns: { prefix: 'uns/v1', enterprise: 'acme' },
      ...{ sources: [{ name: 'robots', filter: 'robots/+/#' }], sparkplug: false },
      authority: authority.certificate,
      revoked: await authority.revocationList(entries, Date.now()),
      server: await authority.server(['localhost'], Date.now(), 9),
    };
    const files = mosquittoFiles(access, dir);
    for (const { name, text } of files) writeFileSync(join(dir, name), text, { mode: 0o600 });
    return files[0]!.text
      .replace('listener 8883', `listener ${certified}`)
      .replace('listener 8884', `listener ${open}`)
      .split('\n');
  }

  beforeAll(async () => {
    authority = await Authority.open(join(dir, 'authority'), Date.now(), log);
    const foreign = await Authority.open(join(dir, 'foreign'), Date.now(), log);
    for (const name of ['line-1', 'line-2', 'line-3', 'line-4', 'hub']) identities.set(name, await identityOf(name));
    identities.set('foreign', await identityOf('line-1', foreign));
    [certified, open] = (await freePorts(2)) as [number, number];
    broker = await Mosquitto.start(dir, await write(['line-3'], ['line-1', 'line-2', 'line-4']));
    // It opens one listener after the other.
    for (const port of [certified, open]) await listens(port);
    hub = await byPassword('hub');
    clients.pop();
    hub.on('message', (topic, payload) => heard.push(`${topic} ${payload}`));
    await hub.subscribeAsync(
      ['lineside/v1/+/data', 'lineside/v1/+/status', 'lineside/v1/+/renew', 'uns/v1/#', 'robots/+/#'],
      {
        qos: 1,
      },
    );
  });
  afterAll(async () => {
    hub?.end(true);
    await broker?.kill();
  });
  afterEach(() => {
    heard.length = 0;
    for (const client of clients.splice(0)) client.end(true);
  });

  function kept(connecting: Promise<MqttClient>): Promise<MqttClient> {
    return connecting.then((client) => {
      clients.push(client);
      client.on('error', () => undefined);
      return client;
    });
  }

  const byPassword = (name: string, options: IClientOptions = {}) =>
    kept(
      mqtt.connectAsync(`mqtts://localhost:${open}`, {
        ...{ username: name, password: `of ${name}`, ca: authority.certificate, reconnectPeriod: 0 },
        ...options,
      }),
    );
  const byCertificate = (name: string, options: IClientOptions = {}) =>
    kept(
      mqtt.connectAsync(`mqtts://localhost:${certified}`, {
        ...{ clientId: name, username: name, ca: authority.certificate, reconnectPeriod: 0 },
        ...identities.get(name),
        ...options,
      }),
    );

  /** This version hangs up on who does what it may not; others only say nothing of it. */
  async function tries(client: MqttClient, topic: string, retain = false): Promise<void> {
    const closed = new Promise((resolve) => client.once('close', () => resolve(undefined)));
    const sent = client.publishAsync(topic, 'escaped', { qos: 1, retain }).catch(() => undefined);
    await Promise.race([sent, closed]);
  }

  test('a gateway that has enrolled comes in by its certificate alone, reports, and hears its answers', async () => {
    const gateway = await byCertificate('line-1');
    const answers: string[] = [];
    gateway.on('message', (topic) => answers.push(topic));
    await gateway.subscribeAsync([topicOf('line-1', 'committed'), topicOf('line-1', 'certificate')], { qos: 1 });
    await gateway.publishAsync(topicOf('line-1', 'data'), 'a', { qos: 1 });
    await gateway.publishAsync(topicOf('line-1', 'renew'), 'b', { qos: 1 });
    await vi.waitFor(
      () => expect(heard).toEqual([`${topicOf('line-1', 'data')} a`, `${topicOf('line-1', 'renew')} b`]),
      PATIENT,
    );
    await hub.publishAsync(topicOf('line-1', 'committed'), 'x', { qos: 1 });
    await hub.publishAsync(topicOf('line-1', 'certificate'), 'x', { qos: 1 });
    await vi.waitFor(
      () => expect(answers).toEqual([topicOf('line-1', 'committed'), topicOf('line-1', 'certificate')]),
      PATIENT,
    );
    const old = await byPassword('line-8');
    await old.publishAsync(topicOf('line-8', 'data'), 'c', { qos: 1 });
    await vi.waitFor(() => expect(heard.at(-1)).toBe(`${topicOf('line-8', 'data')} c`), PATIENT);
  });

  test('it cannot speak as another, whatever name it gives and whatever topic it finds', async () => {
    for (const topic of [
      ...[
        topicOf('line-2', 'data'),
        topicOf('line-2', 'renew'),
        'lineside/v1/line-1/../line-2/data',
        'lineside/v1//data',
      ],
      ...['uns/v1/acme/hamburg/x', 'robots/a/b', '$SYS/broker/uptime', topicOf('line-1', 'committed')],
    ]) {
      await tries(await byCertificate('line-1', { username: 'line-2', clientId: 'thief' }), topic);
    }
    await tries(
      await byCertificate('line-1', { username: 'hub', clientId: 'thief' }),
      topicOf('line-2', 'status'),
      true,
    );
    const will = {
      topic: topicOf('line-2', 'status'),
      payload: Buffer.from('escaped'),
      qos: 1 as const,
      retain: true,
    };
    (await byCertificate('line-1', { will })).stream.destroy();
    const own = { ...will, topic: topicOf('line-1', 'status'), payload: Buffer.from('own will') };
    (await byCertificate('line-1', { will: own })).stream.destroy();
    await vi.waitFor(() => expect(heard).toEqual([`${topicOf('line-1', 'status')} own will`]), PATIENT);
    // Nor was anything kept for who comes later.
    const late = await byPassword('hub', { clientId: 'late' });
    const kept: string[] = [];
    late.on('message', (topic) => kept.push(topic));
    await late.subscribeAsync('lineside/v1/+/status', { qos: 1 });
    await vi.waitFor(() => expect(kept).toEqual([topicOf('line-1', 'status')]), PATIENT);
  });

  test('it cannot hear what is for another, by no filter', async () => {
    const gateway = await byCertificate('line-2');
    const answers: string[] = [];
    gateway.on('message', (topic) => answers.push(topic));
    for (const filter of [
      '#',
      '+/#',
      'lineside/v1/+/command',
      'lineside/#',
      topicOf('line-1', 'command'),
      '$SYS/#',
      'uns/#',
    ]) {
      await gateway.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
    }
    await gateway.subscribeAsync('$share/g/lineside/v1/+/command', { qos: 1 }).catch(() => undefined);
    await hub.publishAsync(topicOf('line-1', 'command'), 'secret', { qos: 1 });
    await hub.publishAsync('uns/v1/acme/hamburg/area/a', '1', { qos: 1 });
    await hub.publishAsync(topicOf('line-2', 'command'), 'own', { qos: 1 });
    await vi.waitFor(() => expect(answers).toContain(topicOf('line-2', 'command')), PATIENT);
    expect(new Set(answers)).toEqual(new Set([topicOf('line-2', 'command')]));
  });

  test('an integrator hears its sites, and says nothing', async () => {
    const [energy, scada] = [await byPassword('energy'), await byPassword('scada')];
    const [atEnergy, atScada]: string[][] = [[], []];
    energy.on('message', (topic) => atEnergy!.push(topic));
    scada.on('message', (topic) => atScada!.push(topic));
    for (const client of [energy, scada]) await client.subscribeAsync(['#', 'lineside/#', '$SYS/#'], { qos: 1 });
    await hub.publishAsync('uns/v1/acme/essen/area/a', '1', { qos: 1 });
    await hub.publishAsync('uns/v1/acme/hamburg-2/area/a', '1', { qos: 1 });
    await hub.publishAsync(topicOf('line-1', 'command'), 'secret', { qos: 1 });
    await hub.publishAsync('uns/v1/acme/hamburg/area/a', '1', { qos: 1 });
    await vi.waitFor(() => expect(atScada).toHaveLength(3), PATIENT);
    await vi.waitFor(() => expect(atEnergy).toEqual(['uns/v1/acme/hamburg/area/a']), PATIENT);
    heard.length = 0;
    for (const topic of ['uns/v1/acme/hamburg/area/a', topicOf('line-1', 'data')])
      await tries(await byPassword('energy'), topic);
    await hub.publishAsync('uns/v1/last', '1', { qos: 1 });
    await vi.waitFor(() => expect(heard).toEqual(['uns/v1/last 1']), PATIENT);
  });

  test.each<[string, () => Promise<MqttClient>]>([
    ['a certificate that is revoked', () => byCertificate('line-3')],
    ['one of another authority', () => byCertificate('foreign', { clientId: 'line-1' })],
    ['none', () => byCertificate('nobody')],
    ['the name of a gateway that has a certificate, without it', () => byPassword('line-1')],
    ['a wrong password', () => byPassword('scada', { password: 'of energy' })],
    ['nobody', () => byPassword('scada', { username: undefined as never, password: undefined as never })],
  ])('does not let in %s', async (_who, come) => {
    await expect(come()).rejects.toThrow();
  });

  test('files that are written again shut out who was revoked meanwhile, connected or not', async () => {
    const gateway = await byCertificate('line-4');
    await write(['line-3', 'line-4'], ['line-1', 'line-2']);
    const closed = once(gateway as unknown as NodeJS.EventEmitter, 'close');
    await broker.kill('SIGTERM');
    await broker.restart();
    await closed;
    await expect(byCertificate('line-4')).rejects.toThrow();
    await byCertificate('line-1');
  });

  test('a hash is verified as Mosquitto does it, and a damaged one opens nothing', () => {
    const hash = hashPassword('of scada');
    expect(verifyPassword(hash, 'of scada')).toBe(true);
    for (const [stored, password] of [
      [hash, 'of scadb'],
      [hash.slice(0, -4), 'of scada'],
      ['', ''],
    ] as const) {
      expect(verifyPassword(stored, password)).toBe(false);
    }
  });

  test('a line break in a topic is no right more', () => {
    const sources = [{ name: 'robots', filter: 'a\ntopic readwrite #' }];
    expect(() => mosquittoFiles({ ...access, sources }, dir)).toThrow(/a topic has a line break/);
  });
});

function serialOf(pem: string): string {
  return new X509Certificate(pem).serialNumber.toLowerCase();
}
