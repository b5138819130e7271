/** Each policy, mode and user against a server that offers them; and what must not be accepted. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageSecurityMode, SecurityPolicy } from 'node-opcua-client';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { OpcUaDevice } from '../../../../gateway/drivers/opcua/config.ts';
import { opcua } from '../../../../gateway/drivers/opcua/opcua.ts';
import type { Policy, SecurityConfig, UserConfig } from '../../../../gateway/drivers/opcua/security-config.ts';
import { ownCertificate } from '../../../../gateway/drivers/opcua/security-own.ts';
import { TrustStore } from '../../../../gateway/drivers/opcua/security-store.ts';
import {
  type CertificateFiles,
  CertificateMaker,
  type CertificateWish,
  SERVER_URI,
} from '../../../services/opcua-certificates.ts';
import { SecureOpcUaServer, type SecureServerOptions } from '../../../services/opcua-secure-server.ts';
import { Collector, run } from '../collect.ts';

const wait = { timeout: 12_000, interval: 20 };
const POLICIES: Policy[] = [
  'None',
  'Basic128Rsa15',
  'Basic256',
  'Basic256Sha256',
  'Aes128_Sha256_RsaOaep',
  'Aes256_Sha256_RsaPss',
];
const PASSWORD = 'correct horse battery staple';

const maker = new CertificateMaker();
const seed = join(maker.folder, 'seed');
let context: Collector;

beforeAll(async () => {
  // One key for all tests: making one takes longer than a test.
  await ownCertificate(seed, Date.now(), () => {});
});
beforeEach(() => {
  context = new Collector();
  cpSync(seed, context.dataDir, { recursive: true });
});
afterAll(() => maker.remove());

function device(
  endpoint: string,
  security: Partial<SecurityConfig> | undefined,
  user?: UserConfig,
): OpcUaDevice & { id: string } {
  const quick = { publishingMs: 50, samplingMs: 0, retryMinMs: 100, retryMaxMs: 300, timeoutMs: 3000 };
  const settings = { endpoint, ...quick, ...(security ? { security } : {}), ...(user ? { user } : {}) };
  return { id: 'plc', ...Value.Parse(OpcUaDevice, Value.Default(OpcUaDevice, settings)) };
}

const SPEED = [{ nodeId: 'ns=1;s=Speed', type: 'float64' as const }];

async function serve(
  wish: Partial<CertificateWish> = {},
  options: Partial<SecureServerOptions> = {},
): Promise<SecureOpcUaServer> {
  const server = new SecureOpcUaServer({ certificate: await maker.make({ name: 'plc1', ...wish }), ...options });
  onTestFinished(() => server.stop());
  return server.start();
}

describe('policy × mode × user', () => {
  let server: SecureOpcUaServer;
  let userFiles: CertificateFiles;
  const policies = POLICIES.filter((policy) => policy !== 'None');

  beforeAll(async () => {
    const certificate = await maker.make({ name: 'plc1' });
    userFiles = await maker.make({ name: 'line' });
    server = new SecureOpcUaServer({
      certificate,
      policies: POLICIES.map((policy) => SecurityPolicy[policy]),
      modes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
      users: { line: PASSWORD },
    });
    await server.start();
  });
  afterAll(() => server.stop());

  const cases = policies.flatMap((policy) => (['Sign', 'SignAndEncrypt'] as const).map((mode) => ({ policy, mode })));

  test.each(cases)('$policy, $mode: anonymous, by password and by certificate', async ({ policy, mode }) => {
    new TrustStore(context.dataDir).trustFile(server.certFile);
    await writeFile(join(context.dataDir, 'password'), `${PASSWORD}\n`);
    const users: (UserConfig | undefined)[] = [undefined, { name: 'line', passwordFile: 'password' }, userFiles];
    await Promise.all(
      users.map(async (user) => {
        const own = new Collector();
        cpSync(context.dataDir, own.dataDir, { recursive: true });
        const driver = run(opcua, device(server.endpoint, { policy, mode }, user), SPEED, own);
        await vi.waitFor(() => expect(own.last(1)?.value, driver.status().reason).toBe(42), wait);
      }),
    );
  });
});

const SECURE = { policy: 'Basic256Sha256' } as const;

/** Trusts whatever is listed, as an operator does who has looked at it. */
function trustAll(): void {
  const store = new TrustStore(context.dataDir);
  for (const { thumbprint, state } of store.list()) if (state === 'rejected') store.trust(thumbprint);
}

describe('trust', () => {
  test('an unknown server gives no value and is listed; trusted, it gives data; no longer trusted, none', async () => {
    const server = await serve();
    const driver = run(opcua, device(server.endpoint, SECURE), SPEED, context);
    const store = new TrustStore(context.dataDir);
    await vi.waitFor(() => expect(driver.status().reason).toContain('not trusted yet'), wait);
    const [listed] = store.list();
    expect(listed).toMatchObject({ state: 'rejected', commonName: 'plc1', applicationUri: SERVER_URI });
    expect(driver.status().reason).toContain(
      `thumbprint ${listed!.thumbprint}, CN=plc1, O=Example; look at it and run \`gateway trust add ${listed!.thumbprint}\``,
    );
    expect(context.samples(1).every(({ value }) => value === null)).toBe(true);

    store.trust(listed!.thumbprint);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(42), wait);
    expect(driver.status().reason).toBe('');

    store.remove(listed!.thumbprint);
    await vi.waitFor(() => expect(driver.status().reason).toContain('not trusted yet'), wait);
    expect(context.last(1)?.value).toBeNull();
  });

  test('a server that comes back with another certificate is refused and listed until it is trusted, too', async () => {
    const server = await serve();
    const driver = run(opcua, device(server.endpoint, SECURE), SPEED, context);
    await vi.waitFor(() => expect(driver.status().reason).toContain('not trusted yet'), wait);
    trustAll();
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    await server.stop();
    await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
    await serve({ name: 'impostor' }, { port: server.port });
    await vi.waitFor(
      () => expect(driver.status().reason).toMatch(/not trusted yet: thumbprint \w+, .*CN=impostor/),
      wait,
    );
    const store = new TrustStore(context.dataDir);
    expect(store.list().map(({ commonName, state }) => `${commonName} ${state}`)).toEqual([
      'impostor rejected',
      'plc1 trusted',
    ]);
    expect(context.last(1)?.value).toBeNull();
    trustAll();
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(42), wait);
  });

  test('a server that does not trust the gateway is told in words, with the thumbprint to look for', async () => {
    const server = await serve({}, { trustsClients: false });
    const driver = run(opcua, device(server.endpoint, SECURE), SPEED, context);
    await vi.waitFor(() => expect(driver.status().reason).toContain('not trusted yet'), wait);
    trustAll();
    await vi.waitFor(
      () => expect(driver.status().reason).toMatch(/does not trust the gateway's certificate|may not trust/),
      wait,
    );
    expect(driver.status().reason).toContain(new TrustStore(context.dataDir).own()!.thumbprint);
  });

  test('a PLC whose certificate names no host is refused although trusted, and taken with checkHostName: false', async () => {
    const server = await serve({ ip: [] });
    new TrustStore(context.dataDir).trustFile(server.certFile);
    const strict = run(opcua, device(server.endpoint, SECURE), SPEED, context);
    await vi.waitFor(() => expect(strict.status().reason).toContain('names no host at all, not 127.0.0.1'), wait);
    await strict.stop();
    run(opcua, device(server.endpoint, { ...SECURE, checkHostName: false }), SPEED, context);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(42), wait);
  });
});

describe('users', () => {
  let server: SecureOpcUaServer;
  beforeAll(async () => {
    const certificate = await maker.make({ name: 'plc1' });
    server = await new SecureOpcUaServer({ certificate, users: { line: PASSWORD }, allowAnonymous: false }).start();
  });
  afterAll(() => server.stop());
  beforeEach(() => new TrustStore(context.dataDir).trustFile(server.certFile) && undefined);

  test('what the server does not offer is said with what it does', async () => {
    const driver = run(opcua, device(server.endpoint, SECURE), SPEED, context);
    await vi.waitFor(() => expect(driver.status().reason).toMatch(/takes user names .*not anonymous users/), wait);
    await driver.stop();
    const other = run(
      opcua,
      device(server.endpoint, { policy: 'Aes256_Sha256_RsaPss', mode: 'Sign' }),
      SPEED,
      context,
    );
    await vi.waitFor(
      () => expect(other.status().reason).toContain('only Basic256Sha256 with SignAndEncrypt; change security'),
      wait,
    );
  });

  test('a missing and a wrong password are named, a right one works at the next try, none is ever written down', async () => {
    const lines: string[] = [];
    context.log.level = 'trace';
    const console = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
    onTestFinished(() => console.mockRestore());
    const file = join(context.dataDir, 'secret.txt');
    const user = { name: 'line', passwordFile: 'secret.txt' };
    const driver = run(opcua, device(server.endpoint, SECURE, user), SPEED, context);
    await vi.waitFor(() => expect(driver.status().reason).toContain(`cannot read the secret in ${file}`), wait);
    await writeFile(file, 'wrong-password-4711');
    await vi.waitFor(() => expect(driver.status().reason).toContain('does not take the user "line" (Bad'), wait);
    await writeFile(file, PASSWORD);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(42), wait);
    const key = readFileSync(new TrustStore(context.dataDir).ownFiles.key, 'utf8').split('\n')[2]!;
    const written = [...lines, ...context.logLines, JSON.stringify(context.statuses)].join('\n');
    for (const secret of [PASSWORD, 'wrong-password-4711', key]) expect(written).not.toContain(secret);
  });
});

test('nothing in the gateway accepts a certificate by itself', () => {
  const files = readdirSync('gateway', { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.includes('node_modules'),
  );
  const said = files.flatMap((file) => [
    ...readFileSync(join('gateway', file), 'utf8').matchAll(/automaticallyAccept\w+[^,\n]*/g),
  ]);
  expect(said.length).toBeGreaterThan(0);
  for (const [text] of said) expect(text).toBe('automaticallyAcceptUnknownCertificate: false');
  // Its default, and its own folder for certificates, would accept all: every manager is told both.
  const made = files.flatMap((file) => [
    ...readFileSync(join('gateway', file), 'utf8').matchAll(/new OPCUACertificateManager\(\{[^}]*\}/g),
  ]);
  for (const [text] of made) expect(text).toMatch(/rootFolder.*automaticallyAcceptUnknownCertificate: false/s);
});
