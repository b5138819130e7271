/** A running pipeline that takes over another configuration, and goes back when that fails. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { Progress } from '@lineside/shared/lifecycle/progress.ts';
import { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import { pino } from 'pino';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { loadConfig } from '../../gateway/config/load-config.ts';
import { loadConfigAside } from '../../gateway/config/load-config-aside.ts';
import { drivers } from '../../gateway/drivers/registry.ts';
import { Pipeline } from '../../gateway/pipeline.ts';
import { Reloader } from '../../gateway/reloader.ts';
import { FakeModbusServer } from '../services/fake-modbus-server.ts';
import { tempDir } from '../services/temp-dir.ts';
import { PATIENT } from './gateway-process.ts';

const MODELS = resolve(import.meta.dirname, '../../config/models');
const log = pino({ level: 'silent' });

afterEach(() => vi.restoreAllMocks());

async function server(value: number): Promise<FakeModbusServer> {
  const made = await new FakeModbusServer().listen();
  made.holding[0] = value;
  onTestFinished(() => made.close());
  return made;
}

function device(id: string, at: FakeModbusServer, tag = '') {
  const tags = `[{ name: v, address: "holding:0", type: uint16${tag} }]`;
  return `  - { id: ${id}, driver: modbus, host: 127.0.0.1, port: ${at.port}, pollMs: 50, tags: ${tags} }\n`;
}

async function running(devices: string, rest = '') {
  const dir = await tempDir();
  const file = join(dir, 'gateway.yaml');
  await writeFile(join(dir, 'password'), 'secret\n');
  for (const name of ['pump-anomaly.json', 'pump-anomaly.onnx']) await copyFile(join(MODELS, name), join(dir, name));
  const write = (changed: string, other = '') =>
    writeFile(
      file,
      `gateway: { id: line-1 }
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
devices:
${changed}${other}`,
    );
  await write(devices, rest);
  const unwind = new Unwind();
  const pipeline = new Pipeline({
    config: loadConfig(file),
    dataDir: join(dir, 'data'),
    version: '0',
    log,
    now: Date.now,
    progress: new Progress({ log }),
  });
  onTestFinished(async () => void (await unwind.unwind(log, 5_000)));
  await pipeline.start(unwind);
  const reloader = new Reloader({ pipeline, log, now: Date.now });
  const reload = () => reloader.reload('test', () => loadConfigAside(file));
  const value = (name: string, of = 'v') => {
    const tag = pipeline.tags.find((one) => one.device === name && one.name === of);
    return tag && pipeline.lastValues.get(name, tag.id);
  };
  return { dir, write, pipeline, reloader, reload, value };
}

/** Lets the driver of this device fail when it is made, or when it is started. */
function failing(id: string, when: 'create' | 'start') {
  const create = drivers.modbus!.create.bind(drivers.modbus);
  vi.spyOn(drivers.modbus!, 'create').mockImplementation((settings, tags, context) => {
    const driver = create(settings, tags, context);
    if ((settings as { id: string }).id !== id) return driver;
    if (when === 'create') throw new Error('no such port');
    driver.start = () => {
      throw new Error('no such port');
    };
    return driver;
  });
}

test('what fails on the way is rolled back: what was stopped runs as before, the rest was never touched', async () => {
  const [press, pump, oven] = [await server(1), await server(7), await server(210)];
  const { write, pipeline, reload, value } = await running(device('press', press) + device('pump', pump));
  await vi.waitFor(() => expect(value('pump')?.value).toBe(7), PATIENT);
  const tags = pipeline.tags;

  failing('oven', 'start');
  await write(device('press', press) + device('pump', pump, ', scale: 2') + device('oven', oven));
  expect(await reload()).toMatchObject({ result: 'rolledBack', problems: ['no such port'] });
  expect(pipeline.status().devices.map(({ device: id }) => id)).toEqual(['press', 'pump']);
  expect(pipeline.tags).toBe(tags);
  pump.holding[0] = 8;
  await vi.waitFor(() => expect(value('pump')).toMatchObject({ value: 8, quality: 0 }), PATIENT);
  expect([press.connectionCount, oven.connectionCount]).toEqual([1, 0]);
  expect(pipeline.status().devices[0]).toMatchObject({ state: 'up', errors: 0 });

  // Once it works, the same configuration is taken over.
  vi.restoreAllMocks();
  expect(await reload()).toMatchObject({ result: 'applied' });
  await vi.waitFor(() => {
    expect(value('pump')?.value).toBe(16);
    expect(value('oven')?.value).toBe(210);
  }, PATIENT);
  expect(press.connectionCount).toBe(1);
});

test('of two devices behind one connection, one changes and the connection stays, with the pauses that it asks for', async () => {
  const line = await server(5);
  const unit = (id: number, more = '') =>
    `  - { id: unit-${id}, driver: modbus, host: 127.0.0.1, port: ${line.port}, unitId: ${id}, pollMs: 100, ${more} tags: [{ name: v, address: "holding:0", type: uint16 }] }\n`;
  const { write, reload, value } = await running(unit(1) + unit(2));
  await vi.waitFor(() => expect([value('unit-1')?.value, value('unit-2')?.value]).toEqual([5, 5]), PATIENT);
  await write(unit(1) + unit(2, 'requestDelayMs: 40,'));
  expect(await reload()).toMatchObject({ result: 'applied', changes: { changed: ['device unit-2'] } });
  const from = line.requests.length;
  const ofSecond = () => line.requests.slice(from).filter(({ unit: id }) => id === 2);
  await vi.waitFor(() => expect(ofSecond().length).toBeGreaterThan(4), PATIENT);
  // The first one may have been on its way before.
  for (const request of ofSecond().slice(1)) {
    const before = line.requests[line.requests.indexOf(request) - 1]!;
    expect(request.at - before.at).toBeGreaterThan(30);
  }
  expect(line.connectionCount).toBe(1);
  expect(line.overlapping).toBe(0);
});

test('a device that its driver does not take is refused before anything is stopped', async () => {
  const [press, oven] = [await server(1), await server(2)];
  const { write, reload, value } = await running(device('press', press));
  await vi.waitFor(() => expect(value('press')?.value).toBe(1), PATIENT);
  failing('oven', 'create');
  await write(device('press', press, ', scale: 3') + device('oven', oven));
  const { result, problems } = await reload();
  expect(result).toBe('refused');
  expect(problems).toEqual([expect.stringMatching(/gateway\.yaml:\d+: device "oven": no such port/)]);
  expect(press.connectionCount).toBe(1);
});

test('a model that did not change keeps its window; a new one knows the last values; one that goes says Bad', async () => {
  const press = await server(82);
  const patient = device('press', press).replace('pollMs: 50', 'pollMs: 50, timeoutMs: 15000');
  const model = (id: string, stepMs = 20) =>
    `  - { id: ${id}, file: pump-anomaly.json, inputs: { temperature: press/v }, stepMs: ${stepMs}, maxAgeMs: 60000 }\n`;
  const { write, pipeline, reload } = await running(patient, `models:\n${model('a')}`);
  await vi.waitFor(() => expect(pipeline.models()[0]).toMatchObject({ state: 'running' }), PATIENT);
  // From now on the device says nothing more: only what the gateway remembers can fill the window of the new one.
  press.behave = () => ({ delayMs: 20_000 });
  const scored = pipeline.models()[0]!.inferences;
  await write(patient, `models:\n${model('a')}${model('b')}`);
  expect(await reload()).toMatchObject({ result: 'applied', changes: { added: ['model b'] } });
  expect(pipeline.models()[0]!.inferences).toBeGreaterThanOrEqual(scored);
  await vi.waitFor(() => expect(pipeline.models()[1]!.reason).toMatch(/^[1-9]\d* of 36 rows/), { interval: 10 });
  const score = pipeline.tags.find(({ name }) => name === 'a.score')!.id;
  const written = vi.spyOn(pipeline.buffer, 'addFrame');
  await write(patient, `models:\n${model('b', 40)}`);
  expect(await reload()).toMatchObject({ changes: { changed: ['model b'], removed: ['model a'] } });
  expect(pipeline.models()).toMatchObject([{ id: 'b', inferences: 0 }]);
  const last = written.mock.calls.map(([frame]) => frame).findLast((frame) => frame.tags.includes(score));
  expect(last).toMatchObject({ values: [null], quality: [Quality.BadOutOfService] });
});

test('those that were asked for together are done one after the other, and none after the end', async () => {
  const [press, pump] = [await server(1), await server(2)];
  const { write, pipeline, reloader, reload } = await running(device('press', press));
  await write(device('press', press) + device('pump', pump));
  const both = [reload(), reload()];
  expect((await Promise.all(both)).map(({ result }) => result)).toEqual(['applied', 'unchanged']);
  await write(device('press', press));
  const late = reload();
  await reloader.stop();
  expect(await late).toMatchObject({ result: 'refused' });
  expect(await reload()).toMatchObject({ result: 'refused', problems: ['the gateway is stopping'] });
  expect(pipeline.status().devices).toHaveLength(2);
});
