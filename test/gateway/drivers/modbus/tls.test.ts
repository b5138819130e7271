import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ModbusDevice } from '../../../../gateway/drivers/modbus/config.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { type Authority, authority, signed } from '../../../services/certificates.ts';
import { FakeModbusServer } from '../../../services/fake-modbus-server.ts';
import { works } from '../../../services/outside-tools.ts';
import { Collector, run } from '../collect.ts';
import { device, floats } from './settings.ts';

const wait = { timeout: 8000, interval: 5 };

describe.skipIf(!works('openssl', 'version'))('Modbus in TLS (needs openssl)', () => {
  let ca: Authority;
  let press: Authority;
  let gateway: Authority;
  let stranger: Authority;
  const dir = mkdtempSync(join(tmpdir(), 'lineside-tls-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  beforeAll(() => {
    ca = authority(dir, 'plant');
    press = signed(dir, ca, 'press');
    gateway = signed(dir, ca, 'gateway');
    stranger = signed(dir, authority(dir, 'elsewhere'), 'stranger');
  });

  /** A device that asks for a certificate of the plant; what it decrypts goes to a Modbus server. */
  async function serve(): Promise<number> {
    const behind = await new FakeModbusServer().listen();
    onTestFinished(() => behind.close());
    behind.setFloat32(behind.holding, 0, 1.5);
    const pem = (file: string) => readFileSync(file);
    const options = { ca: pem(ca.cert), cert: pem(press.cert), key: pem(press.key) };
    const server = createServer({ ...options, requestCert: true, rejectUnauthorized: true }, (secure) => {
      const plain = connect(behind.port, '127.0.0.1');
      for (const socket of [secure, plain]) socket.on('error', () => {}).on('close', () => plain.destroy());
      secure.pipe(plain).pipe(secure);
      onTestFinished(() => void secure.destroy());
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }

  async function outcome(tls: ModbusDevice['tls']) {
    const context = new Collector();
    const quick = { pollMs: 20, timeoutMs: 1000, retryMinMs: 100, retryMaxMs: 200 };
    const settings = device({ ...quick, transport: 'tls', port: await serve(), tls });
    const driver = run(modbus, settings, floats(1), context);
    await vi.waitFor(() => expect(driver.status().state).not.toBe('connecting'), wait);
    return { context, status: driver.status() };
  }

  test('both sides know each other: values come', async () => {
    const tls = { caFile: ca.cert, certFile: gateway.cert, keyFile: gateway.key, serverName: 'press' };
    const { context, status } = await outcome(tls);
    expect(status.state).toBe('up');
    expect(status.endpoint).toMatch(/^modbus\+tls:\/\/127\.0\.0\.1:\d+\/1$/);
    await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(5), wait);
    expect(context.last(1)?.value).toBe(1.5);
  });

  test.each([
    ['a device whose certificate nobody knows', () => ({ serverName: 'press' }), 'is not trusted'],
    ['a device with another name', () => ({ caFile: ca.cert }), 'certificate is for another name'],
    ['no certificate of its own', () => ({ caFile: ca.cert, serverName: 'press' }), /client certificate/],
    [
      'one of its own that the device does not know',
      () => ({ caFile: ca.cert, serverName: 'press', certFile: stranger.cert, keyFile: stranger.key }),
      /certificate|closed/,
    ],
    ['a file that is not there', () => ({ caFile: 'nowhere.pem' }), 'there is no such file'],
  ])('%s: no value, and the reason', async (_name, tls, reason) => {
    const { context, status } = await outcome(tls() as ModbusDevice['tls']);
    expect(status.state).toBe('down');
    expect(status.reason).toMatch(reason);
    expect(context.frames.flatMap(({ values }) => values).every((value) => value === null)).toBe(true);
  });
});
