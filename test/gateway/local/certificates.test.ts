import { networkInterfaces } from 'node:os';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { LocalCertificates } from '../../../gateway/local/certificate-routes.ts';
import { LocalServer } from '../../../gateway/local/local-server.ts';
import { Machine } from './fixture.ts';

const THUMBPRINT = 'a1'.repeat(20);

async function page(
  host = '127.0.0.1',
): Promise<{ url: string; trusted: { thumbprint: string; by: string }[]; server: LocalServer }> {
  const trusted: { thumbprint: string; by: string }[] = [];
  const certificate = {
    ...{ thumbprint: THUMBPRINT, subject: 'CN=plc1', issuer: 'CN=plc1', hosts: ['plc1'], applicationUri: 'urn:plc1' },
    ...{ validFrom: 0, validTo: Date.UTC(2040) },
  };
  const certificates: LocalCertificates = {
    own: () => null,
    servers: () => [{ ...certificate, state: trusted.length > 0 ? 'trusted' : 'rejected', at: 0 }],
    trust(thumbprint, by) {
      if (thumbprint !== THUMBPRINT) throw new LinesideError('CERTIFICATE_UNKNOWN', 'outside', 'no such certificate');
      trusted.push({ thumbprint, by });
    },
  };
  const machine = new Machine();
  const server = new LocalServer({
    config: { enabled: true, host, port: 0 },
    log: pino({ level: 'silent' }),
    picture: () => machine.picture(),
    acknowledge: async () => {},
    certificates,
  });
  onTestFinished(() => server.stop());
  await server.start();
  return { url: server.url, trusted, server };
}

function trust(url: string, body: object, headers: Record<string, string> = {}, thumbprint = THUMBPRINT) {
  return fetch(`${url}/api/certificates/${thumbprint}/trust`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

test('who stands at the machine sees the server that waits, and trusts it by name', async () => {
  const { url, trusted } = await page();
  const list = await (await fetch(`${url}/api/certificates`)).json();
  expect(list).toMatchObject({ mayTrust: true, servers: [{ thumbprint: THUMBPRINT, state: 'rejected' }] });
  expect((await trust(url, { by: 'Ada' })).status).toBe(200);
  expect(trusted).toEqual([{ thumbprint: THUMBPRINT, by: 'Ada' }]);
});

test('another site, a foreign host name, no name, another form and an unknown certificate trust nothing', async () => {
  const { url, trusted } = await page();
  expect((await trust(url, { by: 'Ada' }, { origin: 'http://evil.example' })).status).toBe(403);
  expect((await trust(url, {})).status).toBe(400);
  expect((await trust(url, { by: 'Ada' }, { 'content-type': 'text/plain' })).status).toBeGreaterThanOrEqual(400);
  expect((await trust(url, { by: 'Ada' }, {}, '../../x')).status).toBeGreaterThanOrEqual(400);
  const unknown = await trust(url, { by: 'Ada' }, {}, 'b2'.repeat(20));
  expect(unknown.status).toBe(409);
  expect(await unknown.json()).toEqual({ error: 'no such certificate' });
  expect(trusted).toEqual([]);
});

const outer = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

test.skipIf(!outer)(
  'a page that is open to a network shows certificates there, and lets nobody trust one',
  async () => {
    const { url, trusted } = await page(outer);
    expect(await (await fetch(`${url}/api/certificates`)).json()).toMatchObject({ mayTrust: false });
    const refused = await trust(url, { by: 'Eve' });
    expect(refused.status).toBe(403);
    expect(((await refused.json()) as { error: string }).error).toContain('run `gateway trust add` there');
    expect(trusted).toEqual([]);
  },
);
