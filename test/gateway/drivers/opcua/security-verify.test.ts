/** What a server's certificate must be, beyond being known: dates, host, application, key, issuer, revocation. */
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { effectiveSecurity } from '../../../../gateway/drivers/opcua/security-config.ts';
import { TrustStore } from '../../../../gateway/drivers/opcua/security-store.ts';
import { verifyServer } from '../../../../gateway/drivers/opcua/security-verify.ts';
import { CertificateMaker, type CertificateWish, SERVER_URI } from '../../../services/opcua-certificates.ts';
import { tempDir } from '../../../services/temp-dir.ts';

const maker = new CertificateMaker();
afterAll(() => maker.remove());

const EXPECTED = { host: '127.0.0.1', applicationUri: SERVER_URI, policy: 'Basic256Sha256' } as const;
const NOW = Date.now();

let store: TrustStore;
beforeEach(async () => {
  store = new TrustStore(await tempDir());
});

function der(file: string): Buffer {
  return new X509Certificate(readFileSync(file)).raw;
}

describe('refused although trusted', () => {
  test.each<{ trap: string; wish?: Partial<CertificateWish>; expected?: object; now?: number; says: string }>([
    {
      trap: 'expired',
      wish: { startDate: new Date('2020-01-01'), validity: 30 },
      says: 'has expired on 2020-01-31 (BadCertificateTimeInvalid); make the server a new one',
    },
    {
      trap: 'not yet valid, as the clock says 1970',
      now: 0,
      says: "this machine's date is 1970-01-01 (BadCertificateTimeInvalid); set this machine's clock",
    },
    {
      trap: 'another host',
      wish: { ip: [], dns: ['plc9', 'plc9.example'] },
      says: 'names plc9, plc9.example, not 127.0.0.1 (BadCertificateHostNameInvalid)',
    },
    {
      trap: 'another application',
      wish: { applicationUri: 'urn:other' },
      says: `calls itself ${SERVER_URI}, its certificate says urn:other (BadCertificateUriInvalid)`,
    },
  ])('$trap', async ({ wish, now, says }) => {
    const { certFile } = await maker.make({ name: 'plc1', ...wish });
    store.trustFile(certFile);
    await expect(verifyServer(der(certFile), EXPECTED, store, now ?? NOW)).rejects.toThrow(says);
  });

  test('something that is no certificate, and none at all', async () => {
    await expect(verifyServer(Buffer.from('nonsense'), EXPECTED, store, NOW)).rejects.toThrow('cannot be read');
    await expect(verifyServer(Buffer.alloc(0), EXPECTED, store, NOW)).rejects.toThrow('has no certificate');
  });
});

test.each([
  ['plc1', { dns: ['PLC1'], ip: [] }],
  ['192.168.0.10', { ip: ['192.168.0.10'] }],
  ['192.168.0.10', { dns: ['192.168.0.10'], ip: [] }],
])('the host %s is found in the certificate', async (host, wish) => {
  const { certFile } = await maker.make({ name: 'plc1', ...wish });
  store.trustFile(certFile);
  await verifyServer(der(certFile), { ...EXPECTED, host }, store, NOW);
});

test('what is rejected is listed once each, and never more than a hundred', async () => {
  const { certFile } = await maker.make({ name: '../../evil' });
  for (let i = 0; i < 3; i++) {
    await expect(verifyServer(der(certFile), EXPECTED, store, NOW + i)).rejects.toThrow('not trusted yet');
  }
  expect(readdirSync(join(store.folder, 'rejected'))).toEqual([
    expect.stringMatching(/^[A-Za-z0-9._ -]+\[[0-9a-f]{40}\]\.pem$/),
  ]);
});

test('without security settings nothing is signed; with them it is encrypted unless told otherwise', () => {
  expect(effectiveSecurity(undefined)).toMatchObject({ policy: 'None', mode: 'None' });
  expect(effectiveSecurity({ policy: 'Basic256Sha256', checkHostName: true }).mode).toBe('SignAndEncrypt');
});

const openssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!openssl)('issued by an authority (openssl)', () => {
  /** An authority, a server that it issued, and its list of revoked ones. */
  function authority(name: string, names = '') {
    const file = (suffix: string) => join(maker.folder, `${name}-${suffix}`);
    const ssl = (...args: string[]) => execFileSync('openssl', args, { cwd: maker.folder, stdio: 'pipe' });
    const config = file('ca.cnf');
    writeFileSync(file('index.txt'), '');
    writeFileSync(file('crlnumber'), '01\n');
    writeFileSync(
      config,
      `[ca]\ndefault_ca=it\n[it]\ndatabase=${file('index.txt')}\ncrlnumber=${file('crlnumber')}\ndefault_md=sha256\ndefault_crl_days=30\n` +
        `[req]\ndistinguished_name=dn\n[dn]\n[root]\n${names}basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n` +
        `[server]\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=URI:${SERVER_URI},IP:127.0.0.1\n`,
    );
    const key = ['-newkey', 'rsa:2048', '-nodes', '-config', config];
    ssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.pem'),
      '-subj',
      `/CN=${name}`,
      '-extensions',
      'root',
    );
    ssl('req', ...key, '-keyout', file('plc.key'), '-out', file('plc.csr'), '-subj', '/CN=plc1');
    ssl(
      'x509',
      '-req',
      '-in',
      file('plc.csr'),
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca.key'),
      '-CAcreateserial',
      '-out',
      file('plc.pem'),
      '-extfile',
      config,
      '-extensions',
      'server',
      '-days',
      '30',
    );
    return {
      ca: file('ca.pem'),
      server: file('plc.pem'),
      /** The present list; with `revoke`, after having revoked the server's. */
      crl(revoke: boolean): string {
        const ca = ['ca', '-config', config, '-keyfile', file('ca.key'), '-cert', file('ca.pem')];
        if (revoke) ssl(...ca, '-revoke', file('plc.pem'));
        ssl(...ca, '-gencrl', '-out', file('list.crl'));
        return file('list.crl');
      },
    };
  }

  test('taken when the authority is trusted and says what it revoked, refused once it revoked it', async () => {
    const { ca, server, crl } = authority('plant');
    const verify = () => verifyServer(Buffer.concat([der(server), der(ca)]), EXPECTED, store, Date.now());
    await expect(verify()).rejects.toThrow(/not trusted yet: .*issued by CN=plant/);
    expect(store.trustFile(ca)).toMatchObject({ authority: true });
    await expect(verify()).rejects.toThrow('not trusted yet');
    expect(store.trustFile(crl(false))).toBe('crl');
    await verify();
    store.trustFile(crl(true));
    await expect(verify()).rejects.toThrow('has been revoked by CN=plant (BadCertificateRevoked)');
    // Nor does trust in this very certificate help then.
    store.trust(store.list().find(({ state }) => state === 'rejected')!.thumbprint);
    await expect(verify()).rejects.toThrow('has been revoked');
  });

  test('a server that is trusted itself needs nobody to vouch for it', async () => {
    const { server } = authority('unknown');
    store.trustFile(server);
    await verifyServer(der(server), EXPECTED, store, Date.now());
  });

  test('an authority of the same name that nobody trusts vouches for nothing', async () => {
    const good = authority('twin');
    store.trustFile(good.ca);
    store.trustFile(good.crl(false));
    const evil = authority('twin');
    await expect(
      verifyServer(Buffer.concat([der(evil.server), der(evil.ca)]), EXPECTED, store, Date.now()),
    ).rejects.toThrow(/not trusted yet|does not pass/);
  });

  test('a machine that is trusted vouches for no other, whatever its certificate claims', async () => {
    const machine = authority('machine', 'subjectAltName=URI:urn:machine\n');
    expect(store.trustFile(machine.ca)).toMatchObject({ authority: false, applicationUri: 'urn:machine' });
    store.trustFile(machine.crl(false));
    await expect(
      verifyServer(Buffer.concat([der(machine.server), der(machine.ca)]), EXPECTED, store, Date.now()),
    ).rejects.toThrow('not trusted yet');
  });
});
