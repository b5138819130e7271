/** `gateway trust` on files that a gateway would have made. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { afterAll, expect, test, vi } from 'vitest';
import { check } from '../../../gateway/commands/check.ts';
import { trust } from '../../../gateway/commands/trust.ts';
import { ownCertificate } from '../../../gateway/drivers/opcua/security-own.ts';
import { TrustStore } from '../../../gateway/drivers/opcua/security-store.ts';
import { CertificateMaker, SERVER_URI } from '../../services/opcua-certificates.ts';
import { tempDir } from '../../services/temp-dir.ts';

const maker = new CertificateMaker();
afterAll(() => maker.remove());

const DAY_MS = 86_400_000;

/** A command of the gateway, in this process: starting one for each takes longer than all of them. */
async function gateway(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { config: { type: 'string' } },
  });
  const command = [...trust, check].find(({ words }) =>
    words.split(' ').every((word, i) => positionals[i] === word),
  )!;
  const said = { stdout: '', stderr: '' };
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said.stdout += text;
    return true;
  });
  const err = vi.spyOn(console, 'error').mockImplementation((text) => {
    said.stderr += `${text}\n`;
  });
  try {
    const operands = positionals.slice(command.words.split(' ').length);
    const code = await command.run({ positionals: operands, options: values });
    return { code, ...said };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

async function configured(device = ''): Promise<{ file: string; store: TrustStore; dataDir: string }> {
  const dir = await tempDir();
  const file = join(dir, 'gateway.yaml');
  await writeFile(
    file,
    `gateway: { id: line-1 }
dataDir: data
hub: { url: "mqtt://hub.example:1883", passwordFile: password }
devices:
  - id: plc
    driver: opcua
    endpoint: opc.tcp://192.0.2.1:4840
${device}    tags:
      - { name: speed, nodeId: "ns=1;s=Speed" }
`,
  );
  const dataDir = join(dir, 'data');
  return { file, store: new TrustStore(dataDir), dataDir };
}

test('list, add by a part of the thumbprint, and remove', async () => {
  const { file, store } = await configured();
  const { certFile } = await maker.make({ name: 'plc1' });
  const certificate = new X509Certificate(readFileSync(certFile));
  store.reject(certificate, Date.parse('2026-11-01'));
  const thumbprint = certificate.fingerprint.replaceAll(':', '').toLowerCase();

  const listed = await gateway('trust', 'list', '--config', file);
  expect(listed.stdout).toContain('rejected server, met last on 2026-11-01');
  for (const part of [thumbprint, 'CN=plc1, O=Example', 'itself', SERVER_URI, '127.0.0.1']) {
    expect(listed.stdout).toContain(part);
  }
  const unknown = await gateway('trust', 'add', 'aaaaaa', '--config', file);
  expect(unknown).toMatchObject({ code: 1, stdout: '' });
  expect(unknown.stderr).toContain('no rejected certificate has the thumbprint aaaaaa; see `gateway trust list`');

  expect((await gateway('trust', 'add', thumbprint.slice(0, 8), '--config', file)).stdout).toContain('trusted');
  expect(store.trustedFile(thumbprint)).not.toBeNull();
  expect((await gateway('trust', 'list', '--config', file)).stdout).toContain('trusted server');

  expect((await gateway('trust', 'remove', certificate.fingerprint, '--config', file)).code).toBe(0);
  expect(store.list()).toEqual([]);
});

test('add takes a file as well, and says what it cannot take', async () => {
  const { file, store } = await configured();
  const { certFile, keyFile } = await maker.make({ name: 'plc2' });
  expect((await gateway('trust', 'add', certFile, '--config', file)).stdout).toContain('CN=plc2');
  expect(store.list()).toMatchObject([{ state: 'trusted', commonName: 'plc2' }]);
  const { code, stderr } = await gateway('trust', 'add', keyFile, '--config', file);
  expect(code).toBe(1);
  expect(stderr).toContain(`${keyFile} holds no certificate (PEM or DER)`);
  expect((await gateway('trust', 'add', '--config', file)).code).toBe(2);
});

test('renew makes another certificate of the same application, whose key only the gateway reads', async () => {
  const { file, store, dataDir } = await configured();
  const before = await ownCertificate(dataDir, Date.now(), () => {});
  expect((await ownCertificate(dataDir, Date.now(), () => {})).info.thumbprint).toBe(before.info.thumbprint);
  const { code, stdout } = await gateway('trust', 'renew', '--config', file);
  expect(code).toBe(0);
  const after = await ownCertificate(dataDir, Date.now(), () => {});
  expect(stdout).toContain(after.info.thumbprint);
  expect(after.info.thumbprint).not.toBe(before.info.thumbprint);
  expect(after.key).not.toBe(before.key);
  expect(after.info.applicationUri).toBe(before.info.applicationUri);
  expect(after.info.applicationUri).toMatch(/^urn:.*:lineside:gateway:[0-9a-f]{8}$/);
  expect(new X509Certificate(after.der).checkPrivateKey(createPrivateKey(after.key))).toBe(true);
  expect(statSync(store.ownFiles.key).mode & 0o777).toBe(0o600);
  expect(statSync(join(store.ownFiles.key, '..')).mode & 0o077).toBe(0);
});

test('an own certificate that has expired is replaced by itself, one made under a clock of 1970 is not from 1970', async () => {
  const { dataDir } = await configured();
  const first = await ownCertificate(dataDir, 0, () => {});
  expect(first.info.validFrom).toBeGreaterThan(Date.parse('2025-12-01'));
  let renewed = '';
  const later = first.info.validTo + DAY_MS;
  const second = await ownCertificate(dataDir, later, ({ thumbprint }) => {
    renewed = thumbprint;
  });
  expect(renewed).toBe(second.info.thumbprint);
  expect(second.info.validTo).toBeGreaterThan(later + 1000 * DAY_MS);
});

test('check warns of an obsolete policy, and refuses a password that anyone could read', {
  timeout: 20_000,
}, async () => {
  const old = await configured('    security: { policy: Basic128Rsa15 }\n');
  const warned = await gateway('check', '--config', old.file);
  expect(warned.code).toBe(0);
  expect(warned.stderr).toMatch(/gateway\.yaml:\d+: .*device "plc".*Basic128Rsa15 is obsolete/);
  const open = await configured('    user: { name: line, passwordFile: secret }\n');
  const refused = await gateway('check', '--config', open.file);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    'the password would cross the network where anyone can read it; add security: { policy: Basic256Sha256, mode: SignAndEncrypt }',
  );
});
