/** A gateway whose certificate gets old, at a real broker with the hub's real enrolment behind it. */
import { join } from 'node:path';
import { emptyFrame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { parseToken, prove } from '@lineside/shared/enrolment/token.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import { readEnvelope } from '@lineside/shared/wire/envelope.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { GatewayBuffer } from '../../../gateway/buffer/buffer.ts';
import { IdentityFiles } from '../../../gateway/identity/identity-files.ts';
import { newKey, requestFor } from '../../../gateway/identity/key-and-request.ts';
import { Renewal } from '../../../gateway/identity/renewal.ts';
import { HubLink } from '../../../gateway/publisher/hub-link.ts';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { Authority } from '../../../hub/enrolment/authority.ts';
import type { Enrolment } from '../../../hub/enrolment/enrolment.ts';
import { openRelational, type Relational } from '../../../hub/store/postgres/relational.ts';
import { actorNamed } from '../../services/hub-world.ts';
import { newRelational } from '../../services/new-relational.ts';
import { tempDirOfFile } from '../../services/temp-dir.ts';
import { testEnrolment } from '../../services/test-enrolment.ts';

const DAY = 86_400_000;
const PATIENT = { timeout: 15_000, interval: 20 };
const dir = tempDirOfFile('lineside-renewal-');
const log = pino({ level: 'silent' });
let relational: Relational;
let enrolment: Enrolment;
let authority: Authority;
let broker: EmbeddedBroker;
let buffer: GatewayBuffer;
let link: HubLink;
/** How much later it is for all of them. */
let later = 0;
const now = () => Date.now() + later;
const files = new IdentityFiles(join(dir, 'identity'));
const renewal = new Renewal({ gateway: 'line-1', files, log, now });
/** Seqs that the hub has stored, in order. */
const stored: number[] = [];

const serial = () => files.read()!.certificate.serialNumber.toLowerCase();

beforeAll(async () => {
  await newRelational(join(dir, 'relational'));
  relational = await openRelational({ dataDir: join(dir, 'relational') });
  const made = testEnrolment(relational.db, dir, { now });
  enrolment = made.enrolment;
  authority = await made.authority();
  const server = await authority.server(['localhost'], Date.now(), 9);
  broker = new EmbeddedBroker({
    ...{ host: '127.0.0.1', port: 0, credentials: new Credentials(), certificates: enrolment, log },
    tls: {
      read: () => ({ cert: server.certificate, key: server.key, clientCa: [authority.certificate] }),
      clients: 'asked',
    },
  });
  await broker.start(async ({ gateway, kind, payload }) => {
    if (kind === 'renew') broker.certificate(gateway, (await enrolment.renew(gateway, JSON.parse(String(payload))))!);
    else if (kind === 'hello') {
      broker.answer(gateway, { epoch: buffer.epoch, seq: stored.at(-1) ?? 0, resend: false });
    } else if (kind === 'data') {
      const { epoch, seq } = readEnvelope(payload);
      if (seq > (stored.at(-1) ?? 0)) stored.push(seq);
      broker.answer(gateway, { epoch, seq: stored.at(-1)!, resend: false });
    }
  });
  buffer = new GatewayBuffer({
    dir: join(dir, 'buffer'),
    config: { commitIntervalMs: 0, segmentMiB: 4, maxMiB: 64, keepCommittedMiB: 0 },
    ...{ log, now },
    onCommit: (record) => link.notify(record),
  });
  await buffer.open();
  buffer.describeTags([{ id: 1, device: 'press', name: 'oil', type: 'integer', unit: '', description: '' }]);
  link = new HubLink({
    gateway: 'line-1',
    endpoint: {
      url: `mqtts://localhost:${broker.port}`,
      tls: { caFile: files.caFile, certFile: files.certFile, keyFile: files.certFile },
      resolvePath: (path) => path,
    },
    certificate: renewal,
    ...{ buffer, log, now },
    status: () => ({
      ...{ gateway: 'line-1', online: true, at: now(), version: '0', startedAt: 0, devices: [] },
      buffer: { epoch: buffer.epoch, pendingRecords: 0, pendingSamples: 0, bytes: 0 },
    }),
    onAcknowledge: async () => '',
    onWrite: async ({ id }) => ({ id, ok: true, old: 1, new: 2, at: 3, error: '' }),
  });
});
afterAll(async () => {
  await link?.stop();
  await buffer?.close();
  await broker?.stop();
  await relational?.close();
});

const ANNA = actorNamed('anna');

async function enrol(): Promise<void> {
  const token = parseToken((await enrolment.createToken('line-1', ANNA)).token)!;
  const key = await newKey();
  const open = { token: token.id, gateway: 'line-1', csr: await requestFor('line-1', key), at: now() };
  const answer = await enrolment.enrol({ ...open, proof: prove(token.secret, open) }, ANNA);
  await files.take(key, answer.certificate, answer.authority);
}

async function measure(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const frame = emptyFrame('press', now());
    pushSample(frame, 1, now(), i, 0);
    buffer.addFrame(frame);
    await buffer.flush();
  }
}

describe('the certificate of a gateway', () => {
  test('is renewed over the link when two thirds of its life are over, and no record is lost or told twice', async () => {
    expect(renewal.problem()).toMatch(/has not enrolled/);
    await enrol();
    const first = serial();
    expect(renewal.problem()).toBe('');
    expect(await renewal.request()).toBeNull();
    later = 250 * DAY;
    link.start();
    const measuring = measure(60);
    await vi.waitFor(() => expect(serial()).not.toBe(first), PATIENT);
    await measuring;
    await vi.waitFor(
      () => expect(stored).toEqual(Array.from({ length: buffer.newestSeq }, (_, i) => i + 1)),
      PATIENT,
    );
    await vi.waitFor(() => expect(link.state().connected).toBe(true), PATIENT);
    expect(await enrolment.certificates('line-1')).toMatchObject([
      { serial: serial(), renews: first },
      { serial: first },
    ]);
    // It has come in by the new one: the old one is not needed any more.
    await enrolment.revoke('line-1', first, ANNA, '');
    broker.disconnectCertificates([first], 'revoked');
    await measure(1);
    await vi.waitFor(() => expect(stored.at(-1)).toBe(buffer.newestSeq), PATIENT);
    expect(link.state()).toMatchObject({ connected: true });
  });

  test('stays in use when what comes is not sound, and near its end the status says why', async () => {
    later += 250 * DAY;
    const before = serial();
    const ask = async () => {
      // An hour later, each time.
      later += 3_600_001;
      return (await renewal.request()) as { id: string; csr: string };
    };
    const foreign = await requestFor('line-1', await newKey());
    const publicKeyOf = async (csr: string) => (await import('../../../hub/enrolment/x509.ts')).readRequest(csr);
    for (const [words, certificate] of [
      ['for another key', async () => authority.client('line-1', (await publicKeyOf(foreign)).publicKey, now(), 9)],
      [
        'it is for CN=line-2',
        async (csr: string) => authority.client('line-2', (await publicKeyOf(csr)).publicKey, now(), 9),
      ],
      [
        'clock shows',
        async (csr: string) => authority.client('line-1', (await publicKeyOf(csr)).publicKey, now() - 99 * DAY, 9),
      ],
      ['cannot', async () => 'nonsense'],
    ] as const) {
      const request = await ask();
      expect(await renewal.request()).toBeNull();
      expect(await renewal.answered({ id: 'another', certificate: await certificate(request.csr) })).toBe(false);
      expect(await renewal.answered({ id: request.id, certificate: await certificate(request.csr) })).toBe(false);
      if (words !== 'cannot') {
        later += 90 * DAY;
        expect(renewal.status()!.problem).toContain(words);
        later -= 90 * DAY;
      }
    }
    expect(serial()).toBe(before);
    expect(renewal.status()).not.toHaveProperty('problem');
    const { id, csr } = await ask();
    const sound = await authority.client('line-1', (await publicKeyOf(csr)).publicKey, now(), 365);
    expect(await renewal.answered({ id, certificate: sound })).toBe(true);
    expect(serial()).not.toBe(before);
    later += 400 * DAY;
    expect(renewal.problem()).toMatch(/cannot be used: it was valid until .*gateway enrol/);
  });
});
