/** The broker at the machine, at the wire: who comes in, who hears what, and who is dropped. */
import { type EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { LocalBrokerConfig } from '../../../gateway/local-broker/config.ts';
import { LocalBroker, type SetMessage } from '../../../gateway/local-broker/local-broker.ts';
import { authority, signed } from '../../services/certificates.ts';
import { tempDir } from '../../services/temp-dir.ts';

const SECRETS: Record<string, string> = { reader: 'reader-secret', far: 'far-secret' };
const PATIENT = { timeout: 15_000 };

async function started(change: Partial<LocalBrokerConfig> = {}, drainMs = 1_000) {
  const credentials = new Credentials();
  for (const [name, secret] of Object.entries(SECRETS)) credentials.set(name, secret);
  const logged: string[] = [];
  const sets: SetMessage[] = [];
  const config: LocalBrokerConfig = {
    ...{ enabled: true, host: '127.0.0.1', port: 0, anonymousRead: false, maxClients: 20 },
    accounts: [
      { name: 'reader', passwordFile: '', write: false },
      { name: 'far', passwordFile: '', write: false, allow: ['uns/far/#'] },
    ],
    ...change,
  };
  const broker = new LocalBroker({
    ...{ config, credentials, drainMs },
    isSet: (topic) => topic.endsWith('/set'),
    onSet: (message) => void sets.push(message),
    resolvePath: (path) => path,
    log: pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) }),
  });
  await broker.start();
  onTestFinished(() => broker.stop());
  const say = (topic: string, payload: string) =>
    new Promise<void>((resolve) => broker.publish(topic, payload, { retain: true, qos: 0 }, resolve));
  const client = (account: string, options: IClientOptions = {}): MqttClient => {
    const made = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
      ...{ username: account, password: SECRETS[account], reconnectPeriod: 0 },
      ...options,
    });
    made.on('error', () => undefined);
    onTestFinished(() => void made.end(true));
    return made;
  };
  const connected = async (account: string, options?: IClientOptions) => {
    const made = client(account, options);
    await event(made, 'connect');
    return made;
  };
  return { broker, say, client, connected, logged, sets };
}

/** mqtt.js types its emitter in a way that `once` does not know. */
const event = (of: MqttClient, name: string): Promise<unknown[]> => once(of as unknown as EventEmitter, name);

const text = (words: string) => Buffer.concat([Buffer.from([0, words.length]), Buffer.from(words)]);
const packet = (type: number, ...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([type, body.length]), body]);
};

/** A client by hand (MQTT 3.1.1, 3.1), for what mqtt.js would not do. */
async function rawClient(port: number, account: string): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const flags = Buffer.from([4, 0xc2, 0, 0]);
  socket.write(packet(0x10, text('MQTT'), flags, text(`raw-${account}`), text(account), text(SECRETS[account]!)));
  await once(socket, 'data');
  return socket;
}

describe('coming in', () => {
  test('needs an account and its password, which stays out of the log', async () => {
    const { client, logged } = await started();
    const wrong: Record<string, IClientOptions> = {
      'a wrong password': { password: 'wrong-secret-word' },
      'the password of another account': { password: SECRETS.far },
      'an unknown account': { username: 'nobody', password: 'wrong-secret-word' },
      'no password': { password: undefined },
      'no name': { username: undefined, password: undefined },
      'an empty password for an unknown account': { username: 'nobody', password: '' },
    };
    const codes = Object.entries(wrong).map(async ([who, options]) => {
      const [error] = (await event(client('reader', options), 'error')) as [Error & { code: number }];
      return [who, error.code];
    });
    expect(await Promise.all(codes)).toEqual(Object.keys(wrong).map((who) => [who, 5]));
    expect(logged.join('').match(/a client was refused/g)).toHaveLength(6);
    expect(logged.join('')).not.toMatch(/wrong-secret|reader-secret|far-secret/);
  });

  test('without a name is for hearing only, where that is allowed', async () => {
    const { say, connected } = await started({ anonymousRead: true });
    await say('uns/press/speed', '7');
    const nobody = await connected('reader', { username: undefined, password: undefined });
    const heard: string[] = [];
    nobody.on('message', (topic) => heard.push(topic));
    await nobody.subscribeAsync('uns/#');
    await vi.waitFor(() => expect(heard).toEqual(['uns/press/speed']), PATIENT);
  });

  test('with the client id of another account is refused, whose connection that would end', async () => {
    const { client, connected, broker } = await started();
    const victim = await connected('reader', { clientId: 'hmi-1' });
    const [error] = (await event(client('far', { clientId: 'hmi-1' }), 'error')) as [Error & { code: number }];
    expect(error.code).toBe(2);
    expect(victim.connected).toBe(true);
    // One of the same account takes over, as MQTT wants it.
    const next = await connected('reader', { clientId: 'hmi-1' });
    await vi.waitFor(() => expect(victim.connected).toBe(false), PATIENT);
    expect(next.connected).toBe(true);
    expect(broker.counts.clients).toBe(1);
  });

  test('is bounded in number', async () => {
    const { client, connected } = await started({ maxClients: 2 });
    await connected('reader');
    await connected('reader');
    await event(client('reader'), 'close');
  });

  test('by TLS needs the right authority, and a certificate where that is asked for', async () => {
    const dir = await tempDir();
    const own = authority(dir, 'plant');
    const server = signed(dir, own, 'localhost');
    const me = signed(dir, own, 'panel');
    const tls = { certFile: server.cert, keyFile: server.key, clientCaFile: own.cert };
    const { broker } = await started({ tls });
    const options = {
      ...{ username: 'reader', password: SECRETS.reader, reconnectPeriod: 0, servername: 'localhost' },
      ca: await readFile(own.cert),
    };
    const url = `mqtts://127.0.0.1:${broker.port}`;
    await expect(mqtt.connectAsync(url, options)).rejects.toThrow();
    const [cert, key] = [await readFile(me.cert), await readFile(me.key)];
    const client = await mqtt.connectAsync(url, { ...options, cert, key });
    onTestFinished(() => void client.end(true));
    expect(client.connected).toBe(true);
  });

  test('by TLS and never finished does not hold up the end', async () => {
    const dir = await tempDir();
    const own = authority(dir, 'plant');
    const server = signed(dir, own, 'localhost');
    const { broker } = await started({ tls: { certFile: server.cert, keyFile: server.key } });
    const silent = connectTcp(broker.port, '127.0.0.1');
    await once(silent, 'connect');
    // One that has come in says that the broker has seen the silent one before it.
    const options = { username: 'reader', password: SECRETS.reader, servername: 'localhost' };
    const ca = await readFile(own.cert);
    await mqtt.connectAsync(`mqtts://127.0.0.1:${broker.port}`, { ...options, ca, reconnectPeriod: 0 });
    const closed = once(silent, 'close');
    await broker.stop();
    await closed;
  });

  test('a port that is taken is named', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    await expect(started({ port })).rejects.toThrow(/port \d+ on 127.0.0.1 is taken.*localBroker\.port/);
  });
});

describe('hearing', () => {
  test('ends at what an account is allowed, whatever it subscribes to, retained or live', async () => {
    const { say, connected } = await started();
    await say('uns/near/speed', '1');
    await say('uns/far/speed', '1');
    const far = await connected('far');
    const heard: string[] = [];
    far.on('message', (topic, payload) => heard.push(`${topic}=${payload}`));
    await far.subscribeAsync(['#', 'uns/near/speed'], { qos: 1 });
    await say('uns/near/speed', '2');
    await say('uns/far/speed', '2');
    await vi.waitFor(() => expect(heard.at(-1)).toBe('uns/far/speed=2'), PATIENT);
    expect(heard.filter((message) => message.includes('near'))).toEqual([]);
  });

  test('by $share is refused with a word why, and so is what the broker says of itself', async () => {
    const { connected, logged } = await started();
    const reader = await connected('reader');
    const granted: number[] = [];
    reader.on('packetreceive', (received) => {
      if (received.cmd === 'suback') granted.push(...(received.granted as number[]));
    });
    for (const filter of ['$share/group/uns/#', '$SYS/#', 'uns/#'])
      await reader.subscribeAsync(filter).catch(() => 0);
    expect(granted).toEqual([128, 128, 0]);
    expect(logged.join('')).toContain('$share is not known here');
  });

  test('nothing is kept for a client that is away, also when it asks for that', async () => {
    const { say, connected } = await started();
    const options = { clientId: 'away', clean: false };
    const first = await connected('reader', options);
    await first.subscribeAsync('uns/#', { qos: 1 });
    await first.endAsync();
    await say('uns/press/speed', '1');
    const again = await connected('reader', options);
    const heard: string[] = [];
    again.on('message', (topic) => heard.push(topic));
    await say('uns/press/speed', '2');
    await again.subscribeAsync('uns/press/other', { qos: 1 });
    expect(heard).toEqual([]);
  });

  test('a client that takes nothing is dropped, and holds nobody up for longer', async () => {
    const { broker, say, connected, logged } = await started({}, 1_000);
    const frozen = await rawClient(broker.port, 'reader');
    frozen.write(packet(0x82, Buffer.from([0, 1]), text('uns/#'), Buffer.from([0])));
    await once(frozen, 'data');
    frozen.pause();
    const quick = await connected('reader');
    let heard = 0;
    quick.on('message', () => heard++);
    await quick.subscribeAsync('uns/#');
    const large = 'x'.repeat(200_000);
    await Promise.all(Array.from({ length: 60 }, (_, i) => say(`uns/press/t${i}`, large)));
    await vi.waitFor(() => expect(heard).toBe(60), PATIENT);
    await vi.waitFor(() => expect(logged.join('')).toContain('drain timeout'), PATIENT);
    await vi.waitFor(() => expect(broker.counts).toEqual({ clients: 1, dropped: 1 }), PATIENT);
  });
});

describe('saying', () => {
  test.each(['uns/press/speed', 'lineside/v1/line-1/data', '$SYS/x', 'spBv1.0/x/NCMD/y'])(
    'anything to %s ends the connection, and nobody hears it',
    async (topic) => {
      const { connected, sets } = await started();
      const hearer = await connected('reader');
      const heard: string[] = [];
      hearer.on('message', (from) => heard.push(from));
      await hearer.subscribeAsync('#');
      const forger = await connected('reader');
      const closed = event(forger, 'close');
      forger.publish(topic, 'forged', { qos: 0, retain: true });
      await closed;
      const late = await connected('reader');
      late.on('message', (from) => heard.push(from));
      await late.subscribeAsync('#');
      expect([heard, sets]).toEqual([[], []]);
    },
  );

  test('a packet that is too long ends the connection before it is there', async () => {
    const { broker, logged } = await started();
    const socket = await rawClient(broker.port, 'reader');
    const closed = once(socket, 'close');
    // PUBLISH with 256 MB to come (MQTT 3.1.1, 2.2.3), of which a few bytes are sent.
    socket.write(Buffer.concat([Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), text('uns/a/set')]));
    await closed;
    await vi.waitFor(() => expect(logged.join('')).toMatch(/a packet of more than 65536 bytes/), PATIENT);
  });
});
