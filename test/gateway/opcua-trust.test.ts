/** The gateway as a process at a secured OPC UA server: from the first contact to data, and its own certificate. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import { CertificateWatch } from '../../gateway/certificate-watch.ts';
import { renewOwnCertificate } from '../../gateway/drivers/opcua/security-own.ts';
import { TrustStore } from '../../gateway/drivers/opcua/security-store.ts';
import type { LocalPicture } from '../../gateway/local/local-server.ts';
import { CertificateMaker } from '../services/opcua-certificates.ts';
import { SecureOpcUaServer } from '../services/opcua-secure-server.ts';
import { tempDir } from '../services/temp-dir.ts';

const PATIENT = { timeout: 20_000, interval: 100 };
const maker = new CertificateMaker();
afterAll(() => maker.remove());

/** An own certificate that ends soon, as one that was made years ago. */
async function oldCertificate(dataDir: string, days: number): Promise<TrustStore> {
  const store = new TrustStore(dataDir);
  mkdirSync(dataDir);
  store.prepare();
  const made = await maker.make({ name: 'old gateway', applicationUri: 'urn:line-1:gateway', validity: days + 1 });
  await copyFile(made.certFile, store.ownFiles.certificate);
  await copyFile(made.keyFile, store.ownFiles.key);
  return store;
}

test('the page lists the server, its Trust button brings data, and the own certificate raises an alarm', async () => {
  const server = new SecureOpcUaServer({ certificate: await maker.make({ name: 'plc1' }) });
  onTestFinished(() => server.stop());
  await server.start();
  const dir = await tempDir();
  await oldCertificate(join(dir, 'data'), 10);
  await writeFile(join(dir, 'password'), 'secret');
  await writeFile(
    join(dir, 'gateway.yaml'),
    `gateway: { id: line-1 }
dataDir: data
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
local: { port: 0 }
devices:
  - id: plc
    driver: opcua
    endpoint: ${server.endpoint}
    security: { policy: Basic256Sha256 }
    retryMaxMs: 500
    tags:
      - { name: speed, nodeId: "ns=1;s=Speed" }
`,
  );
  const { JOURNAL_STREAM: _inherited, ...env } = process.env;
  const child = spawn(process.execPath, ['gateway/main.ts', 'run', '--config', join(dir, 'gateway.yaml')], {
    cwd: resolve(import.meta.dirname, '../..'),
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  let output = '';
  const url = await new Promise<string>((found) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      output += line;
      const said = JSON.parse(line) as { msg: string; url?: string };
      if (said.msg === 'local page') found(said.url!);
    });
  });
  const get = async (path: string) => (await fetch(`${url}${path}`)).json();
  const thumbprint = await vi.waitFor(async () => {
    const list = (await get('/api/certificates')) as { servers: { thumbprint: string; state: string }[] };
    expect(list.servers).toMatchObject([{ state: 'rejected', subject: 'CN=plc1, O=Example' }]);
    return list.servers[0]!.thumbprint;
  }, PATIENT);
  const waiting = (await get('/api/status')) as LocalPicture;
  expect(waiting.status.devices[0]!.reason).toContain(`gateway trust add ${thumbprint}`);
  const answer = await fetch(`${url}/api/certificates/${thumbprint}/trust`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ by: 'Ada' }),
  });
  expect(answer.status).toBe(200);
  await vi.waitFor(async () => {
    const { values, alarms } = (await get('/api/status')) as LocalPicture;
    expect(values).toMatchObject([{ name: 'speed', value: 42, qualityName: 'Good' }]);
    expect(alarms).toMatchObject([{ rule: 'lineside.opcua-certificate', value: 9, state: 'unacknowledged' }]);
  }, PATIENT);
  expect(output).toContain('an OPC UA server was trusted at the machine');
  expect(output).toContain('certificate expires in 9 days');
});

test('the days of the certificate are told once each, and those of a new one when it is renewed', async () => {
  const dataDir = join(await tempDir(), 'data');
  const store = await oldCertificate(dataDir, 40);
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const device = { id: 'plc', driver: 'opcua', tags: [] };
  expect(CertificateWatch.of([{ ...device, settings: {} }], dataDir, log)).toBeNull();
  const secured = { ...device, settings: { security: { policy: 'Basic256Sha256' } } };
  const watch = CertificateWatch.of([secured], dataDir, log)!;
  const now = Date.now();
  const days = (later: number) => watch.look(7, now + later * 86_400_000)?.values[0];
  expect([days(0), days(0), days(1), days(15), days(15)]).toEqual([39, undefined, 38, 24, undefined]);
  expect(lines).toHaveLength(1);
  const before = readFileSync(store.ownFiles.certificate, 'utf8');
  await renewOwnCertificate(dataDir, now);
  expect(readFileSync(store.ownFiles.certificate, 'utf8')).not.toBe(before);
  expect(days(15)).toBeGreaterThan(1000);
});
