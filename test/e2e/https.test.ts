/** The hub's pages and API over TLS: by a certificate of its own authority, and by files that somebody renews. */
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import type { LiveMessage } from '@lineside/shared/contracts/live.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Authority } from '../../hub/enrolment/authority.ts';
import { FAKETIME, FakeClock } from '../services/fake-clock.ts';
import { newRelational } from '../services/new-relational.ts';
import { Program, type Told } from '../services/program.ts';
import { tempDirOfFile } from '../services/temp-dir.ts';
import { typed } from '../services/typed.ts';

const PLANT = `enterprise: { id: acme, name: Acme }
sites:
  - { id: hamburg, name: Hamburg, timeZone: UTC, shifts: [{ name: Day, from: "00:00", to: "00:00" }] }
`;
const HUB = `plant: plant.yaml
dataDir: hub
timeSeries: { memoryLimit: 128MB }
`;
const dir = tempDirOfFile('lineside-https-');
const log = pino({ level: 'silent' });
/** Of the hub, where a test moves it. */
let clock: FakeClock | undefined;
/** Warnings and errors of the hub's log. */
const complaints: string[] = [];
const hub = new Program({
  name: 'hub',
  args: ['hub/main.ts', 'run', '--config', join(dir, 'hub.yaml')],
  env: () => clock?.env() ?? {},
  complain: (line) => complaints.push(line),
});
let url: URL;
let password = '';
/** What clients trust, PEM. */
let ca = '';

/** @param files of the broker's certificate, as settings; by default the hub's authority has one issued */
async function start(http: string, files = ''): Promise<Told> {
  writeFileSync(join(dir, 'hub.yaml'), `${HUB}http: ${http}\nmqtt: { port: 0, tls: { port: 0${files} } }\n`);
  const told = await hub.start();
  url = new URL(String(told.url));
  return told;
}

/** A command as somebody types it. */
function run(program: 'hub' | 'gateway', ...args: string[]) {
  return typed(`${program}/main.ts`, ...args, '--config', join(dir, `${program}.yaml`));
}

async function ask(
  path: string,
  { body, ...more }: { body?: object; headers?: Record<string, string>; rejectUnauthorized?: boolean } = {},
): Promise<{ answer: IncomingMessage; words: string }> {
  const headers = { ...(body ? { 'content-type': 'application/json' } : {}), ...more.headers };
  const address = { host: url.hostname, port: url.port, path };
  const asked = request({ ...more, ...address, ca, headers, method: body ? 'POST' : 'GET', agent: false });
  asked.end(body && JSON.stringify(body));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { answer, words: await text(answer) };
}

async function signIn(): Promise<{ cookie: string; header: string }> {
  const { answer } = await ask('/api/v1/login', { body: { name: 'admin', password } });
  const [header] = answer.headers['set-cookie'] ?? [''];
  return { cookie: header!.split(';')[0]!, header: header! };
}

beforeAll(async () => {
  writeFileSync(join(dir, 'plant.yaml'), PLANT);
  writeFileSync(
    join(dir, 'gateway.yaml'),
    `gateway: { id: line-1 }
dataDir: gateway
hub: { url: "mqtts://localhost:1", identityDir: gateway/identity }
devices: [{ id: pump, driver: modbus, host: 127.0.0.1, port: 1, unitId: 1, pollMs: 1000, tags: [{ name: a, address: "holding:0", type: int16 }] }]
`,
  );
  await newRelational(join(dir, 'hub', 'relational'));
}, 60_000);
afterAll(() => hub.dispose());

describe('with one line in its configuration, and a certificate of its own authority', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    password = String((await start('{ port: 0, tls: {} }')).firstPassword);
    ca = readFileSync(join(dir, 'hub/authority/ca.pem'), 'utf8');
  }, 90_000);
  afterAll(() => hub.stop());

  test('pages, API, documentation and metrics come over TLS, and browsers stay with it', async () => {
    expect(url.protocol).toBe('https:');
    const { header, cookie } = await signIn();
    expect(header).toMatch(/; Secure/);
    expect(header).toMatch(/; HttpOnly/);
    const me = await ask('/api/v1/me', { headers: { cookie } });
    expect(JSON.parse(me.words)).toMatchObject({ name: 'admin' });
    expect(me.answer.headers['strict-transport-security']).toBe(`max-age=${180 * 86_400}`);
    for (const path of ['/', '/docs/static/swagger-ui-bundle.js', '/redoc', '/api/openapi.json']) {
      const { answer } = await ask(path, { headers: { cookie } });
      expect([path, answer.statusCode]).toEqual([path, 200]);
    }
    const { words } = await ask('/metrics');
    const days = (use: string) => {
      const name = `lineside_hub_certificate_expiry_timestamp_seconds{use="${use}"}`;
      const line = words.split('\n').find((each) => each.startsWith(name)) ?? '';
      return Math.round((Number(line.split(' ')[1]) * 1_000 - Date.now()) / 86_400_000);
    };
    expect([days('http'), days('mqtt')]).toEqual([365, 365]);
    expect(JSON.parse((await ask('/health')).words)).toMatchObject({ status: 'ok', faults: [], notices: [] });
  });

  test('the live socket comes over it, from pages of this address only', async () => {
    const { cookie } = await signIn();
    const come = (origin: string) =>
      new WebSocket(`wss://${url.host}/api/v1/live`, { ca, headers: { cookie, origin } });
    const socket = come(url.origin);
    onTestFinished(() => socket.terminate());
    const [first] = (await once(socket, 'message')) as [Buffer];
    expect(Object.keys(JSON.parse(String(first)) as LiveMessage)).toContain('type');
    const clear = come(url.origin.replace('https:', 'http:').replace(url.port, '80'));
    const [error] = (await once(clear, 'error')) as [Error];
    expect(error.message).toMatch(/403/);
  });

  test('clear text and a version of TLS that is over get nothing', async () => {
    await expect(fetch(`http://${url.host}/health`)).rejects.toThrow();
    const old = connect({
      host: url.hostname,
      port: Number(url.port),
      ca,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    const [error] = (await once(old, 'error')) as [Error & { code?: string }];
    expect(error.code).toMatch(/^ERR_SSL|ECONNRESET/);
    expect(JSON.parse((await ask('/health')).words)).toMatchObject({ status: 'ok' });
  });

  test('the health check of its container asks by TLS as well', async () => {
    const check = async (address: string) => (await typed('docker/healthcheck.ts', address)).code;
    expect(await check(`${url.origin}/health`)).toBe(0);
    expect(await check(`${url.origin}/nothing`)).toBe(1);
    expect(await check(`http://${url.host}/health`)).toBe(1);
  });

  test('a gateway enrols over it, knows the hub by its token alone, and gives the token to nobody else', async () => {
    const made = await run('hub', 'enrol-token', 'line-1');
    expect(made.err).toContain('gateway enrol --hub https://');
    const token = made.out.trim();
    const enrol = (hubUrl: string) => run('gateway', 'enrol', '--hub', hubUrl, '--token', token);
    // Somebody on the line, with a certificate of theirs for the same address.
    const foreign = await Authority.open(join(dir, 'foreign'), Date.now(), log);
    const theirs = await foreign.server(['127.0.0.1'], Date.now(), 9);
    let heard = 0;
    const between = createServer(
      { cert: `${theirs.certificate}\n${foreign.certificate}`, key: theirs.key },
      () => heard++,
    );
    between.listen(0, '127.0.0.1');
    await once(between, 'listening');
    onTestFinished(() => void between.close());
    const fooled = await enrol(`https://127.0.0.1:${(between.address() as AddressInfo).port}`);
    expect(fooled).toMatchObject({
      code: 1,
      err: expect.stringMatching(/certificate is not trusted; give with --ca-file/),
    });
    expect(heard).toBe(0);
    expect(await enrol(url.origin.replace('https', 'http'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('if the hub speaks TLS there, write https:// with --hub'),
    });
    const enrolled = await enrol(url.origin);
    expect(enrolled.code, enrolled.err).toBe(0);
    expect(enrolled.out).toMatch(/^line-1 has enrolled/);
    expect(readFileSync(join(dir, 'gateway/identity/ca.pem'), 'utf8').trim()).toBe(ca.trim());
    expect(existsSync(join(dir, 'gateway/identity/pending.key'))).toBe(false);
  });
});

describe.skipIf(!FAKETIME)(
  'months after that, without a word of the gateway (needs faketime)',
  { timeout: 60_000 },
  () => {
    const DAY_S = 86_400;
    const notices = async () =>
      ((await (await fetch(`${url.origin}/health`)).json()) as { notices: string[] }).notices;
    const ends = async () =>
      (await (await fetch(`${url.origin}/metrics`)).text())
        .split('\n')
        .find((line) =>
          line.startsWith('lineside_hub_gateway_certificate_expiry_timestamp_seconds{gateway="line-1"}'),
        );

    beforeAll(async () => {
      clock = new FakeClock(join(dir, 'clock'));
      clock.set(300 * DAY_S);
      await start('{ host: 0.0.0.0, port: 0 }');
    }, 90_000);
    afterAll(async () => {
      await hub.stop();
      clock = undefined;
    });

    test('the hub names it before its certificate ends and after that, until somebody revokes it', async () => {
      expect(complaints.join()).toMatch(/without TLS on 0\.0\.0\.0:0: passwords .*Set http\.tls/);
      expect(await notices()).toEqual([]);
      expect(Math.round((Number((await ends())!.split(' ')[1]) - Date.now() / 1_000) / DAY_S)).toBe(365);
      clock!.set(340 * DAY_S);
      expect(await notices()).toEqual([
        expect.stringMatching(/^the certificate of gateway line-1 ends in 24 days: it is off line; /),
      ]);
      clock!.set(366 * DAY_S);
      expect(await notices()).toEqual([expect.stringMatching(/^the certificate of gateway line-1 has ended/)]);
      const revoked = await run('hub', 'revoke', 'line-1', '--reason', 'scrapped');
      expect(revoked.code, revoked.err).toBe(0);
      expect([await notices(), await ends()]).toEqual([[], undefined]);
    });
  },
);

describe('with files', { timeout: 60_000 }, () => {
  let plant: Authority;
  /** Port of the broker. */
  let broker: number;
  const files = { cert: join(dir, 'hub.pem'), key: join(dir, 'hub.key') };

  async function issue(days: number): Promise<{ certificate: string; key: string }> {
    return plant.server(['hub.example', '127.0.0.1'], Date.now(), days);
  }

  function put(file: string, words: string): void {
    writeFileSync(`${file}.new`, words);
    renameSync(`${file}.new`, file);
  }

  /** Serial number of what is shown now. */
  async function shown(port = Number(url.port)): Promise<string> {
    const socket: TLSSocket = connect({ host: url.hostname, port, ca });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerX509Certificate()!;
    socket.destroy();
    return serialNumber;
  }

  const health = async () => JSON.parse((await ask('/health')).words) as { faults: string[]; notices: string[] };

  beforeAll(async () => {
    plant = await Authority.open(join(dir, 'plant'), Date.now(), log);
    ca = plant.certificate;
    const { certificate, key } = await issue(365);
    put(files.cert, certificate);
    put(files.key, key);
    const names = 'certFile: hub.pem, keyFile: hub.key';
    const told = await start(`{ port: 0, tls: { ${names}, hstsDays: 0 } }`, `, ${names}`);
    broker = Number(told.mqttTlsPort);
  }, 90_000);
  afterAll(() => hub.stop());

  test('a renewed pair is shown without a restart, and half of one is not', async () => {
    const before = await shown();
    expect(await shown(broker)).toBe(before);
    expect((await ask('/health')).answer.headers).not.toHaveProperty('strict-transport-security');
    const next = await issue(1);
    put(files.cert, next.certificate);
    await vi.waitFor(
      async () =>
        expect((await health()).notices.join()).toMatch(
          /hub\.pem\) could not be renewed.*the key in .*hub\.key is not that/,
        ),
      { timeout: 20_000, interval: 100 },
    );
    expect(await shown()).toBe(before);
    put(files.key, next.key);
    await vi.waitFor(async () => expect(await shown()).not.toBe(before), { timeout: 20_000, interval: 100 });
    await vi.waitFor(async () => expect(await shown(broker)).toBe(await shown()), { timeout: 20_000, interval: 100 });
    expect((await health()).notices).toEqual([]);
  });

  test('one that has ended is named, and is no reason to send requests to another hub', async () => {
    const ended = await plant.server(['127.0.0.1'], Date.now() - 30 * 86_400_000, 9);
    put(files.key, ended.key);
    put(files.cert, ended.certificate);
    const open = async (path: string) => {
      const { answer, words } = await ask(path, { rejectUnauthorized: false });
      return { code: answer.statusCode, ...(JSON.parse(words) as { status: string; faults?: string[] }) };
    };
    await vi.waitFor(
      async () =>
        expect(await open('/health')).toMatchObject({
          ...{ code: 200, status: 'failing' },
          faults: [
            expect.stringMatching(/the broker .*has ended/),
            expect.stringMatching(/pages and API .*has ended/),
          ],
        }),
      { timeout: 20_000, interval: 100 },
    );
    expect(await open('/ready')).toMatchObject({ code: 200, status: 'ready' });
    await expect(ask('/health')).rejects.toThrow(/expired/);
  });
});
