/** A configuration that changes while the gateway runs: SIGHUP at a real process, at fake Modbus devices. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FakeModbusServer } from '../services/fake-modbus-server.ts';
import { tempDir } from '../services/temp-dir.ts';
import { Gateway, onDisk, PATIENT } from './gateway-process.ts';

/** So long that only a gateway that stands still misses one, also while other tests keep the machine busy. */
const POLL_MS = 300;

async function server(): Promise<FakeModbusServer> {
  const made = await new FakeModbusServer().listen();
  onTestFinished(() => made.close());
  return made;
}

function device(
  id: string,
  at: FakeModbusServer,
  more = '',
  tag = '{ name: v, address: "holding:0", type: uint16 }',
) {
  return `  - { id: ${id}, driver: modbus, host: 127.0.0.1, port: ${at.port}, pollMs: ${POLL_MS}, ${more} tags: [${tag}] }\n`;
}

async function rig() {
  const dir = await tempDir();
  const file = join(dir, 'gateway.yaml');
  await writeFile(join(dir, 'password'), 'secret\n');
  const write = (devices: string, rest = '', buffer = '') =>
    writeFile(
      file,
      `gateway: { id: line-1 }
dataDir: ./data
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
local: { port: 0 }
buffer: { ${buffer} }
devices:
${devices}${rest}`,
    );
  return { dir, file, write };
}

/** Hangs up and waits for what came of it. */
async function reload(gateway: Gateway) {
  const before = (await gateway.picture()).reload?.at ?? 0;
  gateway.child.kill('SIGHUP');
  const { reload: outcome } = await gateway.shows((picture) =>
    expect(picture.reload?.at ?? 0).toBeGreaterThan(before),
  );
  return outcome!;
}

test('what did not change misses no poll and keeps its connection; the rest comes, changes and goes', {
  retry: 1,
}, async () => {
  const { dir, file, write } = await rig();
  const [press, pump, oven] = [await server(), await server(), await server()];
  let reads = 0;
  press.beforeRead = () => {
    press.holding[0] = ++reads;
  };
  pump.holding[0] = 7;
  oven.holding[0] = 210;
  const alarm = (above: number) => `alarms:\n  - { id: hot, tag: oven/v, message: Too hot, above: ${above} }\n`;
  await write(device('press', press) + device('pump', pump));
  const gateway = new Gateway(file);
  const begun = await gateway.shows(({ values }) => expect(values[1]!.value).toBe(7));
  // The start itself may have held up the first ones.
  const missedBefore = begun.status.devices[0]!.missed;

  // One comes, with an alarm; one changes its scale.
  const scaled = '{ name: v, address: "holding:0", type: uint16, scale: 0.1 }';
  await write(device('press', press) + device('pump', pump, '', scaled) + device('oven', oven), alarm(200));
  expect(await reload(gateway)).toMatchObject({
    by: 'SIGHUP',
    result: 'applied',
    problems: [],
    changes: { added: ['device oven', 'alarm hot'], changed: ['device pump'], removed: [] },
    needsRestart: [],
  });
  await gateway.shows(({ values, alarms }) => {
    expect(values.map(({ device: of }) => of)).toEqual(['press', 'pump', 'oven']);
    expect(values[1]!.value).toBeCloseTo(0.7);
    expect(alarms).toMatchObject([{ rule: 'hot', state: 'unacknowledged' }]);
  });
  expect([press.connectionCount, pump.connectionCount, oven.connectionCount]).toEqual([1, 2, 1]);

  // One goes; a fixed setting waits.
  await write(device('press', press) + device('oven', oven), alarm(200), 'segmentMiB: 8');
  expect(await reload(gateway)).toMatchObject({
    result: 'applied',
    changes: { added: [], changed: [], removed: ['device pump'] },
    needsRestart: ['buffer.segmentMiB'],
  });
  await gateway.said('buffer.segmentMiB has changed: it needs a restart');
  const asked = pump.requestCount;
  const polled = press.requestCount;
  await vi.waitFor(() => expect(press.requestCount).toBeGreaterThan(polled + 2), PATIENT);
  expect(pump.requestCount).toBe(asked);

  // No OPC UA device yet, but one may come.
  const { url } = await gateway.said('local page');
  expect(await (await fetch(`${url}/api/certificates`)).json()).toMatchObject({ own: null, servers: [] });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^lineside_gateway_device_cycle_seconds_count\{device="press",driver="modbus"\} [1-9]/m);
  expect(metrics).toMatch(/^lineside_gateway_device_breaker\{device="oven",driver="modbus",state="closed"\} 1$/m);
  expect(metrics).toMatch(/^lineside_gateway_config_last_reload_successful 1$/m);
  expect(metrics).toMatch(/^lineside_gateway_config_restart_settings 1$/m);
  expect(metrics).not.toContain('device="pump"');

  const { status, alarms } = await gateway.picture();
  expect(status.devices).toMatchObject([
    { device: 'press', missed: missedBefore, errors: 0 },
    { device: 'oven', errors: 0 },
  ]);
  expect(alarms).toMatchObject([{ rule: 'hot' }]);
  expect([press.connectionCount, oven.connectionCount]).toEqual([1, 1]);

  gateway.child.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
  const { values, samples } = await onDisk(dir);
  const counts = values('press/v');
  expect(counts).toEqual(Array.from(counts, (_, i) => i + 1));
  expect(reads - counts.length).toBeLessThanOrEqual(1);
  expect(samples.filter(({ tag }) => tag === 'pump/v').at(-1)).toMatchObject({
    value: null,
    quality: Quality.BadOutOfService,
  });
  expect(values('pump/$link').at(-1)).toBe(0);
  expect(values('oven/v')).toContain(210);
  // Nothing on the disk speaks of a tag that was not described before.
  expect(samples.filter(({ tag }) => !tag.includes('/'))).toEqual([]);
});

test('a configuration that is wrong changes nothing, and every mistake is told in the log and on the page', async () => {
  const { dir, file, write } = await rig();
  const press = await server();
  await write(device('press', press));
  const gateway = new Gateway(file);
  await gateway.shows(({ status }) => expect(status.devices[0]!.state).toBe('up'));

  await writeFile(file, 'gateway: { id: line-1\ndevices: [');
  const broken = await reload(gateway);
  expect(broken).toMatchObject({ result: 'refused', changes: { added: [], changed: [], removed: [] } });
  expect(broken.problems[0]).toMatch(/gateway\.yaml:\d+: not valid YAML/);
  await gateway.said(broken.problems[0]!);

  await write(
    device('press', press, '', '{ name: v, address: "holding:0", type: uint17 }'),
    'alarms:\n  - { id: a, tag: press/w, message: m, above: 1 }\n',
  );
  const wrong = await reload(gateway);
  expect(wrong.problems).toEqual([expect.stringContaining('uint16'), expect.stringContaining('press/w')]);

  // What only shows when it is tried: a model whose files are not there.
  await write(
    device('press', press),
    'models:\n  - { id: m, file: gone.json, inputs: { value: press/v }, stepMs: 1000 }\n',
  );
  expect((await reload(gateway)).problems).toEqual([
    expect.stringMatching(/gateway\.yaml:\d+: model "m".*gone\.json/),
  ]);
  await rm(file);
  expect((await reload(gateway)).problems).toEqual([expect.stringContaining('there is no such file')]);

  await write(device('press', press));
  expect(await reload(gateway)).toMatchObject({ result: 'unchanged', problems: [] });
  const { status, models } = await gateway.picture();
  expect(models).toEqual([]);
  expect(status.devices).toMatchObject([{ device: 'press', state: 'up', errors: 0 }]);
  expect(press.connectionCount).toBe(1);
  gateway.child.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
  expect((await onDisk(dir)).values('press/v')).not.toContain(null);
});
