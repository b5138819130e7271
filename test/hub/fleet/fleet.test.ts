/** What the hub asks of a gateway, with the gateway as a program, behind the hub's own broker and a wire that can be cut. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Registers } from '@lineside/shared/contracts/device-look.ts';
import type { ConfigCheck, ConfigText, DeviceFound, FleetAsk, LogLines } from '@lineside/shared/contracts/fleet.ts';
import { CommandReply, type GatewayStatus, Hello } from '@lineside/shared/contracts/link.ts';
import { readCredentials } from '@lineside/shared/mqtt/credentials.ts';
import { readEnvelope } from '@lineside/shared/wire/envelope.ts';
import { pino } from 'pino';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { EmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import { ConfigDesk } from '../../../hub/fleet/config-desk.ts';
import { FleetDesk } from '../../../hub/fleet/fleet-desk.ts';
import { FakeModbusServer } from '../../services/fake-modbus-server.ts';
import { actorNamed } from '../../services/hub-world.ts';
import { Program } from '../../services/program.ts';
import { TcpCutter } from '../../services/tcp-cutter.ts';

const PATIENT = { timeout: 30_000, interval: 50 };
const device = new FakeModbusServer();
const log = pino({ level: 'silent' });
let dir: string;
let file: string;
let broker: EmbeddedBroker;
let wire: TcpCutter;
let gateway: Program;
let fleet: FleetDesk;
let configs: ConfigDesk;
let status: GatewayStatus | undefined;
/** What it has told of trials. */
let trials: NonNullable<GatewayStatus['trial']>[] = [];
/** Called when the gateway has answered a configuration. */
let whenAnswered: () => void = () => undefined;

const yaml = (accept: string) => `# Of the pump house
gateway: { id: line-1 }
dataDir: data
hub: { url: "mqtt://127.0.0.1:${wire.port}", passwordFile: secret, accept: [${accept}] }
local: { enabled: false }
devices:
  - id: pump
    driver: modbus
    host: 127.0.0.1
    port: ${device.port}
    pollMs: 100
    tags:
      - { name: level, address: "holding:2", type: uint16 }
`;
const MORE = `      - { name: speed, address: "holding:0", type: uint16 }\n`;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lineside-fleet-'));
  file = join(dir, 'gateway.yaml');
  await device.listen();
  device.holding.set([200, 0, 77]);
  await writeFile(join(dir, 'secret'), 'secret\n', { mode: 0o600 });
  const credentials = readCredentials(
    [{ name: 'line-1', passwordFile: 'secret' }],
    (path) => join(dir, path),
    'test',
  );
  broker = new EmbeddedBroker({ host: '127.0.0.1', port: 0, credentials, log });
  await broker.start(async ({ gateway: from, kind, payload }) => {
    if (kind === 'data') {
      const { epoch, seq } = readEnvelope(payload);
      broker.answer(from, { epoch, seq, resend: false, at: Date.now() });
      return;
    }
    const message: unknown = kind === 'live' ? null : JSON.parse(payload.toString());
    if (kind === 'hello' && Value.Check(Hello, message)) {
      broker.answer(from, { epoch: message.epoch, seq: message.newest, resend: false, at: Date.now() });
    } else if (kind === 'status') {
      status = message as GatewayStatus;
      if (status.trial) trials.push(status.trial);
      configs.status(status);
    } else if (kind === 'reply' && Value.Check(CommandReply, message)) {
      if (message.type === 'fleet') fleet.replied(from, message);
      else if (message.type === 'config.push') {
        configs.replied(from, message);
        whenAnswered();
      }
    }
  });
  wire = await new TcpCutter(broker.port).listen();
  const far = { online: () => status?.online === true, log, now: Date.now };
  fleet = new FleetDesk({ ...far, send: (to, command) => broker.command(to, command) });
  configs = new ConfigDesk({
    ...{ ...far, fleet, configOf: () => '', note: async () => undefined },
    send: (to, command) => broker.command(to, command),
  });
  await writeFile(file, yaml('config, logs, restart, browse'));
  const args = ['gateway/main.ts', 'run', '--config', file];
  gateway = new Program({ name: 'gateway', args, env: () => ({ LINESIDE_RESTARTS: '1' }) });
  await start();
});

afterAll(async () => {
  await gateway?.kill();
  await wire?.close();
  await broker?.stop();
  await device.close();
  await rm(dir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  status = undefined;
  await gateway.start();
  await vi.waitFor(() => expect(status).toMatchObject({ online: true, devices: [{ state: 'up' }] }), PATIENT);
}

const ask = <T>(what: FleetAsk) => fleet.ask<T>('anna', 'line-1', what, { patienceMs: 20_000 });
const files = async () => (await readdir(dir)).filter((name) => name.startsWith('gateway.yaml')).sort();

test('its configuration is read as it is written, and looked at without a change', async () => {
  const read = await ask<ConfigText>({ what: 'config.read' });
  expect(read).toMatchObject({ config: yaml('config, logs, restart, browse'), running: read.sha256 });
  expect(status).toMatchObject({ configSha256: read.sha256, accepts: ['config', 'logs', 'restart', 'browse'] });
  const sound = await ask<ConfigCheck>({
    what: 'config.check',
    config: `${read.config}${MORE}buffer: { maxMiB: 70 }\n`,
  });
  expect(sound).toMatchObject({
    sound: true,
    changes: { changed: ['device pump'] },
    needsRestart: ['buffer.maxMiB'],
  });
  const wrong = await ask<ConfigCheck>({
    what: 'config.check',
    config: read.config.replace('holding:2', 'holding:x'),
  });
  expect(wrong).toMatchObject({ sound: false, problems: [expect.stringMatching(/gateway\.yaml:13: .*holding:x/)] });
  expect(await files()).toEqual(['gateway.yaml']);
});

test('one that it is seen with is confirmed, and takes the place of the file', async () => {
  const before = await readFile(file, 'utf8');
  const result = await configs.push(actorNamed('anna'), 'line-1', before + MORE);
  expect(result).toMatchObject({ result: 'applied', changes: { changed: ['device pump'] } });
  expect(result.trial).toBeUndefined();
  expect(await readFile(file, 'utf8')).toBe(before + MORE);
  expect(await readFile(`${file}.previous`, 'utf8')).toBe(before);
  expect(status?.configSha256).toBe(result.sha256);
});

test('one that cuts it off goes by itself, and the one before runs again', async () => {
  const before = await readFile(file, 'utf8');
  const hash = status!.configSha256;
  whenAnswered = () => wire.cut();
  const result = await configs.push(actorNamed('anna'), 'line-1', before.replace('pollMs: 100', 'pollMs: 50'), 2_000);
  whenAnswered = () => undefined;
  expect(result).toMatchObject({
    result: 'rolledBack',
    problems: [expect.stringMatching(/was not seen with it within 2 s/)],
  });
  expect(await readFile(file, 'utf8')).toBe(before);
  await vi.waitFor(async () => expect(await files()).toEqual(['gateway.yaml', 'gateway.yaml.previous']), PATIENT);
  status = undefined;
  wire.mend();
  await vi.waitFor(() => expect(status).toMatchObject({ online: true, configSha256: hash }), PATIENT);
  const { lines } = await ask<LogLines>({ what: 'logs', lines: 100 });
  expect(lines.join('\n')).toMatch(/the hub has not confirmed the configuration: the one before is taken over again/);
});

test('one that it does not survive is gone at its next start', async () => {
  const before = await readFile(file, 'utf8');
  whenAnswered = () => void gateway.kill();
  const result = await configs.push(actorNamed('anna'), 'line-1', before.replace('pollMs: 100', 'pollMs: 70'), 2_000);
  whenAnswered = () => undefined;
  expect(result.result).toBe('rolledBack');
  expect(await readFile(file, 'utf8')).toBe(before);
  await start();
  expect(await files()).toEqual(['gateway.yaml', 'gateway.yaml.previous']);
  expect((await ask<LogLines>({ what: 'logs', lines: 50 })).lines.join('\n')).toMatch(/ended before a configuration/);
});

/** Sends one whose `buffer` differs, which needs a restart, and resolves when the gateway has ended for it. */
async function startsWith(maxMiB: number, confirmWithinMs: number) {
  const before = await readFile(file, 'utf8');
  const wanted = `${before.replace(/^buffer: .*\n/m, '')}buffer: { maxMiB: ${maxMiB} }\n`;
  const result = configs.push(actorNamed('anna'), 'line-1', wanted, confirmWithinMs, true);
  await ended();
  expect(await readFile(file, 'utf8')).toBe(before);
  return { before, wanted, result };
}

/** It has ended by the code that has it started anew. */
async function ended(): Promise<void> {
  await vi.waitFor(() => expect(gateway.crash).toMatch(/ended with code 75/), PATIENT);
  gateway.crash = '';
}

test('one whose settings need a restart is tried with it, and takes the place of the file when the gateway is back', async () => {
  trials = [];
  const { before, wanted, result } = await startsWith(70, 20_000);
  await start();
  expect(await result).toMatchObject({ result: 'applied', restarted: true, needsRestart: [] });
  expect(await readFile(file, 'utf8')).toBe(wanted);
  expect(await readFile(`${file}.previous`, 'utf8')).toBe(before);
  expect(await files()).toEqual(['gateway.yaml', 'gateway.yaml.previous']);
  await vi.waitFor(() => expect(status?.trial).toBeUndefined(), PATIENT);
  // Until when it was on trial was told, from the start on that it began with.
  expect(trials[0]).toMatchObject({ by: 'anna' });
  expect(trials[0]!.endsInMs).toBeGreaterThan(10_000);
  expect(trials[0]!.endsInMs).toBeLessThanOrEqual(20_000);
  // It runs with them: nothing waits for a restart any more.
  const looked = await ask<ConfigCheck>({ what: 'config.check', config: wanted });
  expect(looked.needsRestart).toEqual([]);
});

test('one that the hub does not see after the restart goes by itself, by another start', async () => {
  const { before, result } = await startsWith(80, 2_000);
  wire.cut();
  void gateway.start();
  await ended();
  wire.mend();
  await start();
  expect(status).toMatchObject({ online: true, configSha256: createHash('sha256').update(before).digest('hex') });
  expect(await readFile(file, 'utf8')).toBe(before);
  expect(await files()).toEqual(['gateway.yaml', 'gateway.yaml.previous']);
  expect(await result).toMatchObject({ result: 'rolledBack' });
});

test('one that the gateway does not live through after the restart is gone at the start behind it', async () => {
  const { before, result } = await startsWith(90, 20_000);
  wire.cut();
  await gateway.start();
  await gateway.kill();
  wire.mend();
  await start();
  expect(await readFile(file, 'utf8')).toBe(before);
  const { lines } = await ask<LogLines>({ what: 'logs', lines: 100 });
  expect(lines.join('\n')).toMatch(/ended before a configuration of the hub was confirmed/);
  expect(await files()).toEqual(['gateway.yaml', 'gateway.yaml.previous']);
  expect(await result).toMatchObject({ result: 'rolledBack' });
});

test('its log comes as it was written, the newest lines of it, and never a password', async () => {
  const { lines, left } = await ask<LogLines>({ what: 'logs', lines: 3 });
  expect(lines).toHaveLength(3);
  expect(left).toBeGreaterThan(0);
  expect(JSON.parse(lines[0]!)).toMatchObject({ name: 'gateway line-1', level: expect.any(String) });
});

test('a device is looked at through it, and comes as YAML to paste', async () => {
  const words = { from: 0, to: 4, unit: 1, host: '127.0.0.1', port: device.port };
  const found = await ask<DeviceFound>({ what: 'probe.modbus', ...words });
  expect(found.yaml).toMatch(/driver: modbus/);
  await expect(
    ask({ what: 'browse.opcua', device: 'pump', include: [], exclude: [], max: 10, depth: 2 }),
  ).rejects.toThrow(/no OPC UA device "pump"/);
  const now = await ask<Registers>({ what: 'look.registers', device: 'pump', table: 'holding', first: 0, count: 3 });
  expect(now.registers.map(({ raw }) => raw)).toEqual([200, 0, 77]);
  await expect(ask({ what: 'look.nodes', device: 'pump' })).rejects.toThrow(/"pump" is not an OPC UA server/);
  await expect(ask({ what: 'look.nodes', device: 'gone' })).rejects.toThrow(/there is no device "gone"/);
});

test('it ends in order when it is to start anew, by a code that says so', async () => {
  await ask({ what: 'restart' });
  await vi.waitFor(() => expect(gateway.crash).toMatch(/ended with code 75/), PATIENT);
  expect(status?.online).toBe(false);
});

test('it does nothing that its own configuration does not name', async () => {
  await writeFile(file, yaml('logs'));
  await start();
  const asks: FleetAsk[] = [
    { what: 'config.read' },
    { what: 'restart' },
    { what: 'probe.modbus', host: 'plc', port: 502, from: 0, to: 9 },
    { what: 'look.registers', device: 'pump', table: 'holding', first: 0, count: 1 },
  ];
  for (const what of asks) await expect(ask(what)).rejects.toThrow(/add (config|restart|browse) to hub\.accept/);
  expect(await configs.push(actorNamed('anna'), 'line-1', yaml('config'))).toMatchObject({ result: 'refused' });
  await expect(ask({ what: 'logs', lines: 1 })).resolves.toMatchObject({ lines: [expect.any(String)] });
});
