/** Certificates of the hub: what is said of files that do not fit, before it starts and while it runs; with a clock of the test's. */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { CertificatesPart } from '../../hub/certificates-part.ts';
import { Authority } from '../../hub/enrolment/authority.ts';
import { tempDir, tempDirOfFile } from '../services/temp-dir.ts';

const DAY = 86_400_000;
const ROOT = resolve(import.meta.dirname, '../..');
const shared = tempDirOfFile('lineside-certificates-');
const log = pino({ level: 'silent' });
let plant: Authority;
let dir: string;
let now: number;
let unwind: Unwind;

beforeAll(async () => {
  plant = await Authority.open(join(shared, 'plant'), Date.now(), log);
});
beforeEach(async () => {
  dir = await tempDir();
  now = Date.now();
  unwind = new Unwind();
});
afterEach(() => unwind.unwind(log, 5_000));

/** @returns the serial number */
async function put(days: number, from = now): Promise<string> {
  const { certificate, key } = await plant.server(['hub.example'], from, days);
  writeFileSync(join(dir, 'hub.pem'), certificate);
  writeFileSync(join(dir, 'hub.key'), key);
  return new X509Certificate(certificate).serialNumber;
}

const files = () => ({ certFile: join(dir, 'hub.pem'), keyFile: join(dir, 'hub.key'), names: [] });

function part(): CertificatesPart {
  const authority = () => Authority.open(join(dir, 'authority'), now, log);
  return new CertificatesPart({ dataDir: dir, authority, log, now: () => now, lookMs: 10 });
}

const PATIENT = { timeout: 10_000, interval: 10 };

describe('a certificate of files', () => {
  test('is named when its end is near, when it has ended, and no more when it was renewed', async () => {
    await put(90);
    const certificates = part();
    await certificates.open('http', files());
    certificates.start(unwind);
    expect([certificates.faults(), certificates.notices()]).toEqual([[], []]);
    now += 74 * DAY;
    expect(certificates.notices()).toEqual([]);
    now += 2 * DAY;
    const who = `the certificate of pages and API (http.tls.certFile ${join(dir, 'hub.pem')})`;
    expect(certificates.notices()).toEqual([
      `${who} ends in 13 days: renew it; a new file is taken without a restart`,
    ]);
    now += 14 * DAY;
    expect(certificates.notices()).toEqual([]);
    expect(certificates.faults()).toEqual([
      expect.stringMatching(/has ended \d{4}-\d\d-\d\d \d\d:\d\d UTC: renew it$/),
    ]);
    expect(certificates.faults()[0]).toContain(who);
    await put(90);
    await vi.waitFor(() => expect(certificates.faults()).toEqual([]), PATIENT);
    expect(certificates.notices()).toEqual([]);
    expect(Math.round((certificates.ends()[0]!.notAfter - now) / DAY)).toBe(90);
  });

  test('that cannot be used ends the start, with setting and file; one that has ended does not', async () => {
    await expect(part().open('http', files())).rejects.toMatchObject({
      code: 'TLS_FILE_UNREADABLE',
      message: expect.stringContaining(`http.tls.certFile: there is no ${join(dir, 'hub.pem')}`),
    });
    await put(9);
    writeFileSync(join(dir, 'hub.key'), 'to be done');
    await expect(part().open('mqtt', files())).rejects.toThrow(
      /^mqtt\.tls\.keyFile: .*hub\.key holds no private key/,
    );
    await put(9, now - 30 * DAY);
    const certificates = part();
    expect((await certificates.open('http', files())).pair.certificate).toContain('BEGIN CERTIFICATE');
    expect(certificates.faults()).toHaveLength(1);
  });

  test('that is good for years is named a month before its end', async () => {
    await put(730);
    const certificates = part();
    await certificates.open('mqtt', files());
    now += 699 * DAY;
    expect(certificates.notices()).toEqual([]);
    now += 2 * DAY;
    expect(certificates.notices()).toEqual([
      expect.stringMatching(/^the certificate of the broker .* ends in 28 days/),
    ]);
  });

  test('that is taken away is shown on, with a notice, until there is another one', async () => {
    await put(90);
    const certificates = part();
    const shown = await certificates.open('http', files());
    let renewals = 0;
    certificates.onRenewed('http', () => renewals++);
    certificates.start(unwind);
    const before = shown.pair;
    rmSync(join(dir, 'hub.key'));
    await vi.waitFor(
      () => expect(certificates.notices().join()).toContain(`there is no ${join(dir, 'hub.key')}`),
      PATIENT,
    );
    expect([shown.pair, renewals]).toEqual([before, 0]);
    const serial = await put(90);
    await vi.waitFor(() => expect(renewals).toBe(1), PATIENT);
    expect(new X509Certificate(shown.pair.certificate).serialNumber).toBe(serial);
    expect(certificates.notices()).toEqual([]);
  });
});

describe('a certificate of the hub’s own authority', () => {
  test('is shown with the authority, which is how a gateway knows it by the fingerprint of a token', async () => {
    const certificates = part();
    const { pair } = await certificates.open('http', { names: ['hub.example'] });
    const server = createServer({ cert: pair.certificate, key: pair.key }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const ca = readFileSync(join(dir, 'authority/ca.pem'), 'utf8');
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, servername: 'hub.example' });
    await once(socket, 'secureConnect');
    const { issuerCertificate, subjectaltname } = socket.getPeerCertificate(true);
    socket.destroy();
    expect(issuerCertificate.raw).toEqual(new X509Certificate(ca).raw);
    expect(subjectaltname).toMatch(/DNS:hub\.example.*127\.0\.0\.1/);
  });

  test('renews itself, and says so when it cannot', async () => {
    const certificates = part();
    const shown = await certificates.open('http', { names: [] });
    const first = shown.pair.certificate;
    certificates.start(unwind);
    // In place of its file something that cannot be replaced: a full or broken disk, also for root.
    rmSync(join(dir, 'authority/pages.pem'));
    mkdirSync(join(dir, 'authority/pages.pem/in-the-way'), { recursive: true });
    now += 250 * DAY;
    await vi.waitFor(
      () => expect(certificates.notices().join()).toMatch(/own authority\) could not be renewed/),
      PATIENT,
    );
    expect(shown.pair.certificate).toBe(first);
    rmSync(join(dir, 'authority/pages.pem'), { recursive: true });
    await vi.waitFor(() => expect(certificates.notices()).toEqual([]), PATIENT);
    expect(Math.round((certificates.ends()[0]!.notAfter - now) / DAY)).toBe(365);
  });
});

describe('hub check', () => {
  const PLANT = `enterprise: { id: acme, name: Acme }
sites: [{ id: site, name: Site, timeZone: UTC, shifts: [{ name: Day, from: "06:00", to: "18:00" }] }]
`;

  function check(more: string) {
    writeFileSync(join(dir, 'plant.yaml'), PLANT);
    writeFileSync(join(dir, 'hub.yaml'), `plant: plant.yaml\n${more}\n`);
    const typed = ['hub/main.ts', 'check', '--config', join(dir, 'hub.yaml')];
    const { status, stderr } = spawnSync(process.execPath, typed, { cwd: ROOT, encoding: 'utf8' });
    return { status, said: stderr.replaceAll(`${dir}/`, '') };
  }

  const HTTP = 'http: { tls: { certFile: hub.pem, keyFile: hub.key } }';

  test.each<[string, () => unknown, string, RegExp]>([
    ['files that are not there', () => undefined, HTTP, /^hub\.yaml:2: there is no hub\.pem\n/],
    [
      'a key that is not there',
      async () => {
        await put(9);
        rmSync(join(dir, 'hub.key'));
      },
      HTTP,
      /^hub\.yaml:2: there is no hub\.key\n/,
    ],
    [
      'the key of another certificate',
      async () => {
        await put(9);
        const before = readFileSync(join(dir, 'hub.key'));
        await put(9);
        writeFileSync(join(dir, 'hub.key'), before);
      },
      HTTP,
      /^hub\.yaml:2: the key in hub\.key is not that of the certificate in hub\.pem: name the two that belong together\n/,
    ],
    [
      'no certificate',
      async () => {
        await put(9);
        writeFileSync(join(dir, 'hub.pem'), 'to be done');
      },
      'mqtt: { tls: { certFile: hub.pem, keyFile: hub.key } }',
      /^hub\.yaml:2: hub\.pem holds no certificate \(PEM\): /,
    ],
    [
      'a certificate that has ended',
      () => put(9, now - 30 * DAY),
      HTTP,
      /^hub\.yaml:2: hub\.pem has ended .* UTC: renew it\n/,
    ],
    [
      'one that is of the future',
      () => put(9, now + 30 * DAY),
      HTTP,
      /^hub\.yaml:2: hub\.pem is not valid before .* clock/,
    ],
  ])('names %s, with file and line', async (_what, prepare, config, words) => {
    await prepare();
    const { status, said } = check(config);
    expect(status).toBe(1);
    expect(said).toMatch(words);
    expect(said).toMatch(/1 problem found\n$/);
  });

  test('warns of pages in clear text beyond this machine, and of nothing else', async () => {
    await put(9);
    const host = 'host: 0.0.0.0';
    const warned = check(`http: { ${host} }`);
    expect(warned.status).toBe(0);
    expect(warned.said).toMatch(
      /hub\.yaml:2: .*without TLS on 0\.0\.0\.0:8080: .*Set http\.tls, or .*trustedProxies/,
    );
    for (const sound of [`${host}, tls: {}`, `${host}, trustedProxies: [10.0.0.1]`, 'host: "::1"']) {
      expect(check(`http: { ${sound} }`)).toEqual({ status: 0, said: '' });
    }
  });
});
