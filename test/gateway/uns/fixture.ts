/** A gateway with a fake Modbus device and topics for integrators, and clients that hear them. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Progress } from '@lineside/shared/lifecycle/progress.ts';
import { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../../../gateway/config/load-config.ts';
import { loadConfigAside } from '../../../gateway/config/load-config-aside.ts';
import { Pipeline } from '../../../gateway/pipeline.ts';
import { Reloader } from '../../../gateway/reloader.ts';
import { runTool } from '../../deploy/tools.ts';
import { FakeModbusServer } from '../../services/fake-modbus-server.ts';
import { Mosquitto } from '../../services/mosquitto.ts';
import { tempDir } from '../../services/temp-dir.ts';

const PASSWORDS = { reader: 'reader-secret', panel: 'panel-secret', far: 'far-secret' } as const;
export type Account = keyof typeof PASSWORDS;

const LOCAL_BROKER = `localBroker:
  enabled: true
  port: 0
  accounts:
    - { name: reader, passwordFile: reader }
    - { name: panel, passwordFile: panel, write: true }
    - { name: far, passwordFile: far, write: true, allow: ["uns/v1/acme/hamburg/other/#"] }
`;

interface Heard {
  topic: string;
  text: string;
  retain: boolean;
}

/** A client and all that it has heard. */
export interface Hearer {
  client: MqttClient;
  heard: Heard[];
  /** The newest message of a topic, as JSON; '' when it was emptied, undefined when there was none. */
  last(topic: string): unknown;
}

export async function hearer(url: string, options: IClientOptions, filter?: string): Promise<Hearer> {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...options });
  onTestFinished(() => void client.end(true));
  client.on('error', () => undefined);
  const heard: Heard[] = [];
  client.on('message', (topic, payload, { retain }) => heard.push({ topic, text: payload.toString(), retain }));
  if (filter) await client.subscribeAsync(filter, { qos: 1 });
  const last = (topic: string) => {
    const text = heard.findLast((message) => message.topic === topic)?.text;
    return text ? JSON.parse(text) : text;
  };
  return { client, heard, last };
}

export interface RigOptions {
  uns?: string;
  localBroker?: string;
  tags?: string;
  rest?: string;
}

const TAGS = `[{ name: speed, address: "holding:0", type: uint16, unit: 1/min, writable: true, min: 0, max: 500 },
      { name: oil.temperature, address: "holding:1", type: int16, scale: 0.1, unit: Cel }]`;

/** The press, as it stands in the rig's configuration. */
export const PRESS = 'uns/v1/acme/hamburg/forming/line-1/press';

export async function unsRig(options: RigOptions = {}) {
  const dir = await tempDir();
  const press = await new FakeModbusServer().listen();
  onTestFinished(() => press.close());
  press.holding[0] = 100;
  press.holding[1] = 412;
  const file = join(dir, 'gateway.yaml');
  for (const [name, secret] of Object.entries(PASSWORDS)) await writeFile(join(dir, name), `${secret}\n`);
  await writeFile(join(dir, 'password'), 'secret\n');
  const write = ({ uns = 'minIntervalMs: 0', localBroker = LOCAL_BROKER, tags = TAGS, rest = '' }: RigOptions) =>
    writeFile(
      file,
      `gateway: { id: gw-1 }
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
${localBroker}
uns: { enabled: true, enterprise: acme, site: hamburg, area: forming, line: line-1, ${uns} }
devices:
  - id: press
    driver: modbus
    host: 127.0.0.1
    port: ${press.port}
    pollMs: 50
    retryMinMs: 200
    tags: ${tags}
${rest}`,
    );
  await write(options);
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const unwind = new Unwind();
  const pipeline = new Pipeline({
    config: loadConfig(file),
    dataDir: join(dir, 'data'),
    version: '0',
    log,
    now: Date.now,
    progress: new Progress({ log }),
  });
  const stop = () => unwind.unwind(log, 5_000);
  onTestFinished(async () => void (await stop()));
  await pipeline.start(unwind);
  const reloader = new Reloader({ pipeline, log, now: Date.now });
  const url = () => `mqtt://127.0.0.1:${pipeline.uns!.port}`;
  const login = (account: Account) => ({ username: account, password: PASSWORDS[account] });
  const as = (account: Account, filter?: string, more: IClientOptions = {}) =>
    hearer(url(), { ...login(account), ...more }, filter);
  const reload = () => reloader.reload('test', () => loadConfigAside(file));
  return { dir, press, pipeline, stop, write, reload, url, as, lines };
}

/** Mosquitto with a user `panel` and one of ours; it forgets all when it is killed. To be called within a test. */
export async function plantBroker(user: string) {
  const dir = await tempDir();
  // Mosquitto gives up root's rights, and reads its passwords as somebody else.
  await chmod(dir, 0o755);
  const passwords = join(dir, 'passwords');
  await writeFile(passwords, `${user}:own-secret\npanel:panel-secret\n`);
  runTool('mosquitto_passwd', ['-U', passwords]);
  await chmod(passwords, 0o644);
  const broker = await Mosquitto.start(dir, ['allow_anonymous false', `password_file ${passwords}`]);
  onTestFinished(() => broker.kill());
  const passwordFile = join(dir, 'own');
  await writeFile(passwordFile, 'own-secret\n');
  const panel = (filter: string) => hearer(broker.url, { username: 'panel', password: 'panel-secret' }, filter);
  return { broker, dir, passwordFile, panel };
}
