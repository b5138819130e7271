/** The gateway as a process, at a fake Modbus device and without any hub. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FakeModbusServer } from '../services/fake-modbus-server.ts';
import { tempDir } from '../services/temp-dir.ts';
import { Gateway, onDisk, PATIENT } from './gateway-process.ts';

const POLL_MS = 50;

/** A device whose holding register 0 counts its reads; the config also has one that is not there. */
async function rig({ extra = '', dataDir = './data' } = {}) {
  const dir = await tempDir();
  const press = await new FakeModbusServer().listen();
  const pump = await new FakeModbusServer().listen();
  onTestFinished(async () => {
    await press.close();
    await pump.close();
  });
  let reads = 0;
  press.beforeRead = () => {
    press.holding[0] = ++reads;
  };
  await writeFile(join(dir, 'password'), 'secret\n');
  const config = join(dir, 'gateway.yaml');
  await writeFile(
    config,
    `gateway: { id: line-1 }
dataDir: ${dataDir}
hub: { url: "mqtt://127.0.0.1:1", passwordFile: password }
local: { port: 0 }
devices:
  - id: press
    driver: modbus
    host: 127.0.0.1
    port: ${press.port}
    pollMs: ${POLL_MS}
    tags:
      - { name: count, address: "holding:0", type: uint16 }
      - { name: oil, address: "holding:1", type: int16, scale: 0.1, unit: Cel }
  - id: pump
    driver: modbus
    host: 127.0.0.1
    port: ${pump.port}
    pollMs: ${POLL_MS}
    retryMinMs: 200
    retryMaxMs: 800
    tags: [{ name: flow, address: "holding:0", type: int16 }]
alarms:
  - { id: hot, tag: press/oil, message: Oil too hot, above: 80, priority: high }
${extra}`,
  );
  return { dir, config, press, pump, reads: () => reads };
}

describe('a gateway without a hub', { timeout: 40_000 }, () => {
  test('shows its devices, raises and acknowledges alarms, and has every sample on disk when it is stopped', async () => {
    const { dir, config, press, reads } = await rig();
    const gateway = new Gateway(config);
    await gateway.shows(({ status, link, values }) => {
      expect(status.devices[0]).toMatchObject({ device: 'press', state: 'up' });
      expect(link.reason).toMatch(/ECONNREFUSED.*trying again in/);
      expect(values.find(({ name }) => name === 'count')!.value).toBeGreaterThan(3);
    });
    press.holding[1] = 915;
    const hot = await gateway.shows(({ alarms }) =>
      expect(alarms).toMatchObject([{ rule: 'hot', state: 'unacknowledged', value: 91.5, limit: 80, unit: 'Cel' }]),
    );
    const { url } = await gateway.said('local page');
    const answer = await fetch(`${url}/api/alarms/${hot.alarms[0]!.id}/acknowledge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ by: 'Ann' }),
    });
    expect(answer.status).toBe(200);
    press.holding[1] = 700;
    await gateway.shows(({ alarms }) => expect(alarms).toEqual([]));
    await gateway.shows(({ status }) => expect(status.buffer.pendingSamples).toBeGreaterThan(10));

    const before = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
    expect(performance.now() - before).toBeLessThan(5_000);
    const { values, alarms } = await onDisk(dir);
    const counts = values('press/count').filter((value) => value !== null);
    expect(counts).toEqual(Array.from(counts, (_, i) => i + 1));
    // The poll on its way at the end may have been answered to nobody.
    expect(reads() - counts.length).toBeLessThanOrEqual(1);
    expect(values('press/$link').at(-1)).toBe(0);
    expect(alarms).toEqual(['hot raised', 'hot acknowledged Ann (at the machine)', 'hot returned']);
    expect(gateway.lines.map(({ msg }) => msg).slice(-4)).toEqual([
      'closed buffer',
      'closed configuration on trial',
      'closed data directory',
      'stopped',
    ]);
  });

  test('a device that is down says why and is tried again ever later, while the other misses no poll', async () => {
    const { config, press, pump } = await rig();
    pump.behave = () => 'close';
    const gateway = new Gateway(config);
    await gateway.shows(({ status }) => {
      expect(status.devices[1]).toMatchObject({ device: 'pump', state: 'down' });
      expect(status.devices[1]!.reason).not.toBe('');
    });
    await gateway.said(/"pump" is down: /);
    const [polls, tries, from] = [press.requestCount, pump.connectionCount, performance.now()];
    await vi.waitFor(() => expect(press.requestCount - polls).toBeGreaterThanOrEqual(50), PATIENT);
    const due = (performance.now() - from) / POLL_MS;
    // A machine busy with other tests may hold the gateway up for a moment; waiting for the other device would
    // cost most of the polls.
    expect(press.requestCount - polls).toBeGreaterThan(0.8 * due);
    // At most one try in half of the first pause, and far fewer than polls were due.
    expect(pump.connectionCount - tries).toBeGreaterThanOrEqual(1);
    expect(pump.connectionCount - tries).toBeLessThan(due / 4);
    const [shown] = (await gateway.picture()).status.devices;
    expect(shown).toMatchObject({ state: 'up', errors: 0 });
    expect(shown!.missed).toBeLessThan(0.2 * due);
    const [, dead] = (await gateway.picture()).status.devices;
    expect(dead!.health!.breaker).not.toBe('closed');
    expect(dead!.health!.errorsByKind.connection).toBe(dead!.errors);

    pump.behave = () => 'right';
    await gateway.shows(({ status }) => expect(status.devices[1]).toMatchObject({ state: 'up', reason: '' }));
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  });

  test('a second one on the same data is refused, and told who has it', async () => {
    const { config } = await rig();
    const first = new Gateway(config);
    await first.said('collecting');
    const second = new Gateway(config);
    expect(await second.exited).toBe(1);
    const fatal = second.lines.find(({ level }) => level === 'fatal')!;
    expect(fatal.code).toBe('STORE_LOCKED');
    expect(fatal.msg).toContain(String(first.child.pid));
    expect((await first.picture()).status.devices[0]!.state).toBe('up');
    first.child.kill('SIGTERM');
    expect(await first.exited).toBe(0);
  });

  test.each([
    ['data directory', 'STORE_UNUSABLE', './password', ''],
    ['buffer’s directory', 'BUFFER_DIR_UNUSABLE', './data', 'data/buffer'],
  ])('a %s that cannot be written is named, and nothing is left running', async (_name, code, dataDir, block) => {
    const { dir, config, press } = await rig({ dataDir });
    if (block) {
      await mkdir(join(dir, 'data'));
      await writeFile(join(dir, block), 'a file where a folder should be');
    }
    const gateway = new Gateway(config);
    expect(await gateway.exited).toBe(1);
    const fatal = gateway.lines.find(({ level }) => level === 'fatal')!;
    expect(fatal).toMatchObject({ code });
    expect(fatal.msg).toContain(join(dir, block || 'password'));
    expect(press.requestCount).toBe(0);
  });

  test('a model whose files are gone is off and says so; the machine is collected all the same', async () => {
    const extra = 'models:\n  - { id: anomaly, file: gone.json, inputs: { value: press/oil }, stepMs: 1000 }\n';
    const { config } = await rig({ extra });
    const gateway = new Gateway(config);
    await gateway.shows(({ status, models }) => {
      expect(status.devices[0]!.state).toBe('up');
      expect(models).toMatchObject([
        { id: 'anomaly', state: 'failed', reason: expect.stringContaining('gone.json') },
      ]);
    });
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
  });
});
