import { type ExecFileException, execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataType, MessageSecurityMode, type ReadRequest, SecurityPolicy, StatusCodes } from 'node-opcua-client';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../../gateway/config/load-config.ts';
import { probeOpcUa } from '../../../../gateway/drivers/opcua/probe.ts';
import { serverTable, serverYaml } from '../../../../gateway/drivers/opcua/probe-report.ts';
import { CertificateMaker } from '../../../services/opcua-certificates.ts';
import { SecureOpcUaServer } from '../../../services/opcua-secure-server.ts';
import { device, intercept, serve } from './settings.ts';

const maker = new CertificateMaker();
afterAll(() => maker.remove());

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'lineside-probe-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const context = () => ({ dataDir: folder(), now: Date.now, resolvePath: (path: string) => path, warn: () => {} });
const quiet = { progress: () => {}, signal: new AbortController().signal };

/** The settings of the device that was printed. */
function pasted(yaml: string): unknown {
  const file = join(folder(), 'gateway.yaml');
  const head = 'gateway: { id: line-1 }\nhub: { url: "mqtt://127.0.0.1:1883", passwordFile: ./none }\n';
  writeFileSync(file, head + yaml);
  return loadConfig(file).devices[0]!.settings;
}

test('what a server takes is tried, and its YAML is a sound configuration', async () => {
  const server = await serve({ Speed: [DataType.Double, 1] });
  intercept<ReadRequest>(server, 'Read', ({ nodesToRead }) =>
    (nodesToRead?.length ?? 0) > 200 ? StatusCodes.BadTooManyOperations : undefined,
  );
  const settings = device({ endpoint: server.endpoint });
  const profile = await probeOpcUa(settings, context(), quiet);
  expect(profile).toMatchObject({ noSession: null, ended: '', mostRead: 200 });
  expect(profile.readRefused).toEqual({ count: 500, status: 'BadTooManyOperations' });
  expect(profile.endpoints[0]).toMatchObject({ policy: 'None', mode: 'None', users: ['Anonymous'] });
  expect(profile.latency).toHaveLength(30);
  expect(Math.abs(profile.clockOffsetMs!)).toBeLessThan(500);
  expect(profile.namespaces).toContain('urn:lineside:test:machine');
  expect(profile.limits.map(([name]) => name)).toContain('MaxMonitoredItemsPerCall');
  expect(profile.grantedPublishingMs).toBeGreaterThan(0);
  const said = serverTable(profile, server.endpoint).join('\n');
  expect(said).toMatch(/read at once +200 nodes; 500 is refused \(BadTooManyOperations\)/);
  expect(said).toMatch(/certificate +[0-9a-f]{40} /);
  expect(pasted(serverYaml(profile, 'plc', settings, new Date(0)))).toMatchObject({
    endpoint: server.endpoint,
    maxPerRequest: 200,
    publishingMs: 250,
  });
});

test('a server that wants security is told, and how it is best reached', async () => {
  const server = new SecureOpcUaServer({
    certificate: await maker.make({ name: 'plc1' }),
    policies: [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes256_Sha256_RsaPss],
    modes: [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
    users: { line: 'secret' },
    allowAnonymous: false,
  });
  onTestFinished(() => server.stop());
  await server.start();
  const run = new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const args = ['gateway/main.ts', 'probe', 'opcua', '--endpoint', server.endpoint];
    execFile(process.execPath, args, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
  const { code, stdout, stderr } = await run;
  expect(stderr).toMatch(/offers +Aes256_Sha256_RsaPss SignAndEncrypt for .*UserName/);
  expect(stderr).toMatch(/no session +\S/);
  expect(pasted(stdout)).toMatchObject({
    security: { policy: 'Aes256_Sha256_RsaPss', mode: 'SignAndEncrypt' },
    user: { name: 'gateway' },
  });
  expect(code).toBe(1);
});
