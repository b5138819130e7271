/** Who gets a certificate of the hub's, and what it opens at the hub's broker: with real stores, TLS and MQTT. */
import { createSign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnrolRequest, RenewAnswer } from '@lineside/shared/contracts/enrolment.ts';
import { topicOf } from '@lineside/shared/contracts/topics.ts';
import { formatToken, isHubs, parseToken, prove } from '@lineside/shared/enrolment/token.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { newKey, requestFor } from '../../../gateway/identity/key-and-request.ts';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import { Authority } from '../../../hub/enrolment/authority.ts';
import type { Enrolment } from '../../../hub/enrolment/enrolment.ts';
import { ServerCertificate } from '../../../hub/enrolment/server-certificate.ts';
import { readRequest } from '../../../hub/enrolment/x509.ts';
import { openRelational, type Relational } from '../../../hub/store/postgres/relational.ts';
import { actorNamed } from '../../services/hub-world.ts';
import { newRelational } from '../../services/new-relational.ts';
import { tempDirOfFile } from '../../services/temp-dir.ts';
import { testEnrolment } from '../../services/test-enrolment.ts';

const DAY = 86_400_000;
const dir = tempDirOfFile('lineside-enrolment-');
const log = pino({ level: 'silent' });
let relational: Relational;
let enrolment: Enrolment;
let authority: Authority;
let broker: EmbeddedBroker;
let now = Date.now();
const lines: string[] = [];
const received: string[] = [];
const clients: MqttClient[] = [];

beforeAll(async () => {
  await newRelational(join(dir, 'relational'));
  relational = await openRelational({ dataDir: join(dir, 'relational') });
  const made = testEnrolment(relational.db, dir, {
    now: () => now,
    onRevoked: (revoked) =>
      broker.disconnectCertificates(
        revoked.map(({ serial }) => serial),
        'revoked',
      ),
  });
  enrolment = made.enrolment;
  authority = await made.authority();
  const own = new ServerCertificate({
    ...{ file: join(dir, 'broker.pem'), authority, names: ['hub.example'], what: 'the broker', log },
  });
  await own.keepFresh(Date.now());
  const credentials = new Credentials();
  credentials.set('line-9', 'by password');
  broker = new EmbeddedBroker({
    ...{ host: '127.0.0.1', port: 0, credentials, certificates: enrolment },
    tls: {
      read: () => ({ cert: own.pair.certificate, key: own.pair.key, clientCa: [authority.certificate] }),
      clients: 'asked',
      port: 0,
    },
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
  });
  await broker.start(async ({ gateway, kind }) => void received.push(`${gateway} ${kind}`));
});
afterAll(async () => {
  await broker.stop();
  await relational.close();
});
afterEach(() => {
  now = Date.now();
  lines.length = 0;
  received.length = 0;
  for (const client of clients.splice(0)) client.end(true);
});

const ANNA = actorNamed('anna');
const ORIGIN = { address: '192.0.2.1', requestId: '' };

interface Identity {
  key: string;
  certificate: string;
}

/** What a gateway does with a token, and what of it a test wants to be otherwise. */
async function ask(token: string, change: Partial<EnrolRequest> & { key?: string } = {}) {
  const { gateway, id, secret } = parseToken(token)!;
  const { key = await newKey(), ...rest } = change;
  const open = { token: id, gateway, csr: await requestFor(rest.gateway ?? gateway, key), at: now, ...rest };
  const request = { ...open, proof: rest.proof ?? prove(secret, open) };
  const answer = await enrolment.enrol(request, ORIGIN);
  return { key, request, answer, secret, certificate: answer.certificate };
}

const tokenFor = async (gateway: string, minutes = 60) => (await enrolment.createToken(gateway, ANNA, minutes)).token;
const enrolled = async (gateway: string): Promise<Identity> => ask(await tokenFor(gateway));

function renewal(old: Identity, csr: string, serial = serialOf(old)) {
  return { id: 'r', serial, csr, signature: createSign('SHA256').update(csr).sign(old.key).toString('base64url') };
}

async function renewed(gateway: string, old: Identity, key: string): Promise<RenewAnswer> {
  return (await enrolment.renew(gateway, renewal(old, await requestFor(gateway, key))))!;
}

const serialOf = ({ certificate }: { certificate: string }) =>
  new X509Certificate(certificate).serialNumber.toLowerCase();

/** 'connected', or the CONNACK's code, or how TLS failed. */
async function comeIn(
  gateway: string,
  identity: Partial<Identity>,
  more: IClientOptions = {},
): Promise<string | MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${broker.tlsPort}`, {
    ...{ clientId: gateway, username: gateway, reconnectPeriod: 0, ca: authority.certificate },
    ...(identity.certificate ? { cert: identity.certificate, key: identity.key! } : {}),
    ...more,
  });
  clients.push(client);
  const events = client as unknown as NodeJS.EventEmitter;
  try {
    await once(events, 'connect');
    return client;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

async function inside(gateway: string, identity: Identity): Promise<MqttClient> {
  const client = await comeIn(gateway, identity);
  if (typeof client === 'string') throw new Error(`refused: ${client} ${lines.join('')}`);
  return client;
}

describe('a token', () => {
  test('that was withdrawn lets nobody in, and one that was used is withdrawn no more', async () => {
    const made = await enrolment.createToken('line-20', ANNA);
    const newest = async () => (await enrolment.tokens({ limit: 1, sort: '-createdAt' })).items[0];
    expect(await newest()).toMatchObject({ id: made.id, gateway: 'line-20', createdBy: 'anna', usedAt: null });
    expect(await enrolment.withdrawToken(made.id, ANNA)).toBe(true);
    now += 1_000;
    await expect(ask(made.token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
    expect(await enrolment.withdrawToken(made.id, ANNA)).toBe(false);
    const used = await enrolment.createToken('line-20', ANNA);
    await ask(used.token);
    expect(await enrolment.withdrawToken(used.id, ANNA)).toBe(false);
    expect(await newest()).toMatchObject({ id: used.id, usedAt: now });
  });

  test('gets a gateway a certificate for the key it keeps, and proves the hub by the way', async () => {
    const made = await enrolment.createToken('line-1', ANNA);
    expect(made).toMatchObject({ gateway: 'line-1', expiresAt: now + 3_600_000, fingerprint: authority.fingerprint });
    expect(parseToken(made.token)).toMatchObject({ gateway: 'line-1', fingerprint: authority.fingerprint });
    const { key, request, answer, secret } = await ask(made.token);
    const certificate = new X509Certificate(answer.certificate);
    expect(certificate.subject).toBe('CN=line-1');
    expect(certificate.subjectAltName).toBe('URI:urn:lineside:gateway:line-1');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.ca).toBe(false);
    expect(authority.hasSigned(certificate)).toBe(true);
    expect(Math.round((certificate.validToDate.getTime() - now) / DAY)).toBe(365);
    expect((await readRequest(await requestFor('x', key))).publicKey).toEqual(
      certificate.publicKey.export({ type: 'spki', format: 'der' }),
    );
    expect(isHubs(secret, request, answer)).toBe(true);
    // Whatever a line in between has changed of it, the gateway notices.
    for (const change of [{ authority: 'x' }, { at: 1 }, { broker: { ...answer.broker, url: 'mqtts://thief' } }]) {
      expect(isHubs(secret, request, { ...answer, ...change })).toBe(false);
    }
    expect(isHubs(secret, { ...request, csr: 'other' }, answer)).toBe(false);
  });

  test('is kept as what proves it, and nothing that was said or stored lets anybody else in', async () => {
    const token = await tokenFor('line-2');
    const { id, secret } = parseToken(token)!;
    const row = await relational.db
      .selectFrom('enrolment_tokens')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    expect(JSON.stringify(row)).not.toContain(secret);
    // Who has read the database tries each of its columns as the secret.
    for (const stolen of [row!.stored_key, row!.hub_key]) {
      const thief = formatToken({ ...parseToken(token)!, secret: Buffer.from(stolen, 'hex').toString('base64url') });
      await expect(ask(thief)).rejects.toMatchObject({ code: 'ENROLMENT_REFUSED' });
    }
    // Who has heard the request, and comes first with a key of his own.
    const open = { token: id, gateway: 'line-2', csr: await requestFor('line-2', await newKey()), at: now };
    const proof = prove(secret, open);
    const own = await requestFor('line-2', await newKey());
    await expect(ask(token, { csr: own, proof })).rejects.toMatchObject({ code: 'ENROLMENT_REFUSED' });
    await expect(enrolment.enrol({ ...open, proof }, ORIGIN)).resolves.toBeDefined();
  });

  test('works once; the same key gets the same answer again, another key is told when it was used', async () => {
    const token = await tokenFor('line-3');
    const first = await ask(token);
    expect((await ask(token, { key: first.key })).answer.certificate).toBe(first.answer.certificate);
    await expect(ask(token)).rejects.toMatchObject({
      code: 'TOKEN_USED',
      message: expect.stringMatching(
        /^the token was used \d{4}-.* UTC; make a new one.*revoke the certificate of "line-3"/,
      ),
    });
    expect(await enrolment.certificates('line-3')).toHaveLength(1);
    // Two at once: one certificate.
    const other = await tokenFor('line-3');
    const both = await Promise.allSettled([ask(other), ask(other)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test.each<[string, (token: string) => Promise<unknown>, string, RegExp]>([
    [
      'a token that has expired',
      (token) => {
        now += 3 * 3_600_000;
        return ask(token);
      },
      'TOKEN_EXPIRED',
      /has expired 2 h ago; make a new one/,
    ],
    [
      'the token of another gateway',
      async (token) => ask(token, { gateway: 'line-5' }),
      'TOKEN_OTHER_GATEWAY',
      /is for the gateway "line-4", and this one is "line-5"/,
    ],
    [
      'a request in the name of another',
      async (token) => ask(token, { csr: await requestFor('line-5', await newKey()) }),
      'CSR_INVALID',
      /is for "line-5", and the token for "line-4"/,
    ],
    [
      'a clock that is years behind',
      (token) => ask(token, { at: now - 3 * 365 * DAY }),
      'GATEWAY_CLOCK',
      /clock is 1095 days behind the hub's: it shows .*the token is still good/,
    ],
    ['nonsense for a request', (token) => ask(token, { csr: 'nonsense' }), 'CSR_INVALID', /cannot be used/],
    [
      'a request that somebody changed',
      async (token) => {
        const csr = Buffer.from(
          (await requestFor('line-4', await newKey())).replace(/-----[^-]+-----|\s/g, ''),
          'base64',
        );
        csr[csr.length - 3]! ^= 1;
        const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${csr.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
        return ask(token, { csr: pem });
      },
      'CSR_INVALID',
      /cannot be used/,
    ],
    [
      'a secret that was guessed',
      (token) => ask(formatToken({ ...parseToken(token)!, secret: Buffer.alloc(32, 7).toString('base64url') })),
      'ENROLMENT_REFUSED',
      /not known here/,
    ],
    [
      'an unknown token, in the same words',
      (token) => ask(formatToken({ ...parseToken(token)!, id: Buffer.alloc(9, 7).toString('base64url') })),
      'ENROLMENT_REFUSED',
      /not known here/,
    ],
    ['a proof that is none', (token) => ask(token, { proof: 'AAAA' }), 'ENROLMENT_REFUSED', /not known here/],
  ])('refuses %s, and does not use the token up', async (_what, attempt, code, words) => {
    const token = await tokenFor('line-4');
    await expect(attempt(token)).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
    now = Date.now();
    await expect(ask(token)).resolves.toBeDefined();
  });

  test('is not made for a name that others come by', async () => {
    await expect(tokenFor('scada')).rejects.toMatchObject({ code: 'GATEWAY_NAME_TAKEN' });
  });

  test('that was copied in part is none', () => {
    const whole = formatToken({
      gateway: 'a',
      id: 'A'.repeat(12),
      secret: 'B'.repeat(43),
      fingerprint: 'C'.repeat(43),
    });
    expect(parseToken(`  ${whole}\n`)).not.toBeNull();
    for (const part of ['', whole.slice(0, -5), whole.slice(5), whole.replace('.a.', '.A.'), `${whole}.x`]) {
      expect(parseToken(part)).toBeNull();
    }
  });
});

describe('at the broker', () => {
  test('a certificate lets its gateway in without a password, to its own topics', async () => {
    const client = await inside('line-1', await enrolled('line-1'));
    await client.subscribeAsync([topicOf('line-1', 'committed'), topicOf('line-1', 'certificate')], { qos: 1 });
    await client.publishAsync(topicOf('line-1', 'hello'), '{}', { qos: 1 });
    await vi.waitFor(() => expect(received).toEqual(['line-1 hello']));
    await expect(client.subscribeAsync(topicOf('line-2', 'certificate'))).rejects.toThrow();
    const closed = once(client as unknown as NodeJS.EventEmitter, 'close');
    client.publish(topicOf('line-2', 'renew'), '{}');
    await closed;
    expect(received).toEqual(['line-1 hello']);
  });

  test('it lets nobody in under another name or id, and the id of an enrolled gateway is kept for it', async () => {
    const one = await enrolled('line-1');
    expect(await comeIn('line-2', one)).toBe('5');
    expect(lines.join('')).toContain('its certificate is that of line-1');
    expect(await comeIn('line-1', one, { username: undefined as never })).toBe('5');
    expect(await comeIn('line-9', {}, { clientId: 'line-1', password: 'by password' })).toBe('2');
    // TLS with a password alone goes on as before, and a certificate beside it changes nothing.
    expect(await comeIn('line-9', {}, { password: 'by password' })).toBeTypeOf('object');
    expect(await comeIn('line-9', one, { password: 'by password' })).toBeTypeOf('object');
    expect(await comeIn('line-1', {})).toBe('5');
  });

  test.each<[string, () => Promise<Identity>, RegExp]>([
    [
      'one of an authority that calls itself the same',
      async () => {
        const key = await newKey();
        const foreign = await Authority.open(join(dir, 'foreign'), Date.now(), log);
        const { publicKey } = await readRequest(await requestFor('line-1', key));
        return { key, certificate: await foreign.client('line-1', publicKey, Date.now(), 9) };
      },
      /of another authority/,
    ],
    [
      'one that the authority has signed and nobody has entered',
      async () => {
        const key = await newKey();
        const { publicKey } = await readRequest(await requestFor('line-1', key));
        return { key, certificate: await authority.client('line-1', publicKey, Date.now(), 9) };
      },
      /not in this hub’s list/,
    ],
    [
      'that of the broker itself',
      async () => {
        const text = readFileSync(join(dir, 'broker.pem'), 'utf8');
        const [key, certificate] = text.split(/(?=-----BEGIN CERT)/);
        return { key: key!, certificate: certificate! };
      },
      /not in this hub’s list/,
    ],
    [
      'one that has expired',
      async () => {
        const made = await enrolled('line-1');
        now += 366 * DAY;
        return made;
      },
      /has expired; enrol it again/,
    ],
    [
      'one that was revoked',
      async () => {
        const made = await enrolled('line-1');
        await enrolment.revoke('line-1', serialOf(made), ANNA, 'stolen');
        return made;
      },
      /was revoked by anna: stolen/,
    ],
    [
      'that of the box which was there before',
      async () => {
        const made = await enrolled('line-1');
        await enrolled('line-1');
        return made;
      },
      /was revoked by hub: line-1 enrolled anew/,
    ],
  ])('refuses %s', async (_what, make, words) => {
    const identity = await make();
    expect(await comeIn('line-1', identity)).toBe('5');
    expect(lines.join('')).toMatch(words);
  });

  test('who is revoked is disconnected at once, and the next box with the same name is not', async () => {
    const client = await inside('line-6', await enrolled('line-6'));
    const other = await inside('line-7', await enrolled('line-7'));
    const closed = once(client as unknown as NodeJS.EventEmitter, 'close');
    expect(await enrolment.revoke('line-6', undefined, ANNA, '')).toHaveLength(1);
    await closed;
    expect(other.connected).toBe(true);
    expect(await enrolment.revoke('line-6', undefined, ANNA, '')).toEqual([]);
    await inside('line-6', await enrolled('line-6'));
  });
});

describe('renewal', () => {
  test('gives a new certificate for a new key, and the old one is good until its end', async () => {
    const old = await enrolled('line-8');
    now += 1_000;
    const key = await newKey();
    const answer = await renewed('line-8', old, key);
    const certificate = (answer as { certificate: string }).certificate;
    expect(serialOf({ certificate })).not.toBe(serialOf(old));
    // The answer was lost: the same again.
    expect(await renewed('line-8', old, key)).toEqual(answer);
    await inside('line-8', { key, certificate });
    clients.splice(0).map((client) => client.end(true));
    await inside('line-8', old);
    expect((await enrolment.certificates('line-8')).map(({ renews }) => renews)).toEqual([serialOf(old), null]);
  });

  test('is refused to whoever cannot show the key of the old one, and to who asks for too many', async () => {
    const [old, other] = [await enrolled('line-8'), await enrolled('line-7')];
    const error = async (gateway: string, message: unknown) =>
      ((await enrolment.renew(gateway, message)) as { error?: string })?.error;
    const csr = await requestFor('line-8', await newKey());
    // An external broker that lets one speak as another.
    expect(await error('line-8', renewal({ ...old, key: other.key }, csr))).toMatch(/not signed by the key/);
    expect(await error('line-7', renewal(old, csr))).toMatch(/not known here/);
    expect(await error('line-8', renewal(old, csr, '00ff'))).toMatch(/not known here/);
    expect(await error('line-8', renewal(old, await requestFor('line-7', await newKey())))).toMatch(
      /is for "line-7"/,
    );
    expect(await error('line-8', renewal(old, await requestFor('line-8', old.key)))).toMatch(/wants a new key/);
    expect(await enrolment.renew('line-8', { id: 'r' })).toBeNull();
    expect(await error('line-8', renewal(old, csr))).toBeUndefined();
    expect(await error('line-8', renewal(old, await requestFor('line-8', await newKey())))).toMatch(/a moment ago/);
    now += 366 * DAY;
    expect(await error('line-8', renewal(old, csr))).toMatch(/has expired: enrol/);
    now = Date.now();
    await enrolment.revoke('line-8', undefined, ANNA, '');
    expect(await error('line-8', renewal(old, csr))).toMatch(/revoked: enrol/);
  });
});

describe('the authority', () => {
  test('is made once, its key readable by the hub alone, and a damaged one is named', async () => {
    const folder = join(dir, 'once');
    const both = await Promise.all([Authority.open(folder, now, log), Authority.open(folder, now, log)]);
    expect(new Set(both.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(statSync(join(folder, 'authority.pem')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'ca.pem'), 'utf8')).not.toContain('KEY');
    writeFileSync(join(folder, 'authority.pem'), 'x');
    await expect(Authority.open(folder, now, log)).rejects.toMatchObject({
      code: 'AUTHORITY_UNREADABLE',
      message: expect.stringContaining(`${folder}/authority.pem`),
    });
  });

  test('the broker’s certificate is made again when it is old or a name is missing, else kept', async () => {
    const folder = join(dir, 'once');
    rmSync(join(folder, 'authority.pem'));
    const ca = await Authority.open(folder, now, log);
    const make = (names: string[]) =>
      new ServerCertificate({ file: join(folder, 'broker.pem'), authority: ca, names, what: 'the broker', log });
    const first = make([]);
    expect(await first.keepFresh(now)).toBe(true);
    expect(statSync(join(folder, 'broker.pem')).mode & 0o777).toBe(0o600);
    expect(await make([]).keepFresh(now)).toBe(false);
    expect(await first.keepFresh(now + 200 * DAY)).toBe(false);
    expect(await make(['192.0.2.7', 'mqtt.example']).keepFresh(now)).toBe(true);
    expect(await make(['192.0.2.7', 'mqtt.example']).keepFresh(now)).toBe(false);
    expect(await make([]).keepFresh(now + 250 * DAY)).toBe(true);
    expect(existsSync(join(folder, 'broker.pem.new'))).toBe(false);
  });
});
