/** Gateways over TLS: both sides know each other, or there is no connection and a reason that says what to do. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsClient } from '@lineside/shared/config/tls-client.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { tlsFromFiles } from '@lineside/shared/mqtt/broker-tls.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import { mqttReason, openMqtt } from '@lineside/shared/mqtt/open-client.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import { type Authority, authority, signed } from '../../services/certificates.ts';
import { works } from '../../services/outside-tools.ts';

const WHO = { name: 'line-1', nameSetting: 'gateway.id', passwordSetting: 'hub.passwordFile' };

describe.skipIf(!works('openssl', 'version'))('gateways over TLS (needs openssl)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lineside-broker-tls-'));
  let plant: Authority;
  let hub: Authority;
  let gateway: Authority;
  let stranger: Authority;
  const brokers: EmbeddedBroker[] = [];

  beforeAll(async () => {
    plant = authority(dir, 'plant');
    hub = signed(dir, plant, 'hub');
    gateway = signed(dir, plant, 'line-1');
    stranger = signed(dir, authority(dir, 'elsewhere'), 'stranger');
    const credentials = new Credentials();
    credentials.set('line-1', 'secret');
    for (const clientCaFile of [undefined, plant.cert]) {
      const tls = { certFile: hub.cert, keyFile: hub.key, ...(clientCaFile ? { clientCaFile } : {}) };
      const log = pino({ level: 'silent' });
      const broker = new EmbeddedBroker({
        host: '127.0.0.1',
        port: 0,
        credentials,
        tls: tlsFromFiles(tls, 'mqtt'),
        log,
      });
      await broker.start(async () => undefined);
      brokers.push(broker);
    }
  });
  afterAll(async () => {
    for (const broker of brokers) await broker.stop();
    rmSync(dir, { recursive: true });
  });

  /** 'connected', or why not. */
  async function outcome(mutual: boolean, tls: TlsClient, scheme = 'mqtts'): Promise<string> {
    const url = `${scheme}://127.0.0.1:${brokers[mutual ? 1 : 0]!.port}`;
    const endpoint = { url, username: 'line-1', password: 'secret', tls, resolvePath: (path: string) => path };
    const client = openMqtt(endpoint, { clientId: 'line-1' });
    onTestFinished(() => void client.end(true));
    const events = client as unknown as NodeJS.EventEmitter;
    return Promise.race([
      once(events, 'connect').then(() => 'connected'),
      once(events, 'close').then(() => 'closed'),
    ]).catch((error: Error) => mqttReason(error, WHO));
  }

  const known = () => ({ caFile: plant.cert, serverName: 'hub' });
  test.each<[string, boolean, () => TlsClient, RegExp]>([
    ['the hub’s certificate is trusted', false, known, /^connected$/],
    ['nobody knows the hub’s certificate', false, () => ({ serverName: 'hub' }), /not trusted; set tls.caFile/],
    ['the hub has another name', false, () => ({ caFile: plant.cert }), /for another name; set tls.serverName/],
    [
      'both show certificates of the plant',
      true,
      () => ({ ...known(), certFile: gateway.cert, keyFile: gateway.key }),
      /^connected$/,
    ],
    ['the gateway shows none', true, known, /asks for a client certificate|closed/],
    [
      'the gateway shows one of elsewhere',
      true,
      () => ({ ...known(), certFile: stranger.cert, keyFile: stranger.key }),
      /certificate|closed/,
    ],
  ])('%s', async (_name, mutual, tls, words) => {
    expect(await outcome(mutual, tls())).toMatch(words);
  });

  test('a client without TLS gets nothing', async () => {
    expect(await outcome(false, {}, 'mqtt')).not.toBe('connected');
  });

  test('a file that is not there is named with its setting', () => {
    const wrong = () => outcome(false, { caFile: join(dir, 'nowhere.pem') });
    return wrong().then(
      () => expect.unreachable(),
      (error) => expect(messageOf(error)).toMatch(/^tls\.caFile cannot be read: .*nowhere\.pem/),
    );
  });
});
