/** Against servers and clients that others have written. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { ServerTCP } from 'modbus-serial';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ModbusDevice, ModbusTag } from '../../../../gateway/drivers/modbus/config.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { startPlant } from '../../../demo/plant-fixture.ts';
import { freePorts } from '../../../services/free-ports.ts';
import { libmodbusServers } from '../../../services/libmodbus/servers.ts';
import { listens, type Tool, tool, works } from '../../../services/outside-tools.ts';
import { hasSocat, wire } from '../../../services/pty-pair.ts';
import { Collector, run } from '../collect.ts';
import { device, tag } from './settings.ts';

const wait = { timeout: 8000, interval: 10 };
const quick: Partial<ModbusDevice> = { pollMs: 50, timeoutMs: 1000, retryMinMs: 100, retryMaxMs: 200 };

function started(one: Tool): Tool {
  onTestFinished(() => one.stop());
  return one;
}

/** A device on a serial line has no host. */
function serial(path: string, settings: Partial<ModbusDevice> & { id?: string }) {
  const line = { path, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;
  const { host: _host, ...rest } = device({ ...quick, ...settings, transport: 'rtu', serial: line });
  return rest;
}

test('modbus-serial: all tables, and it refuses what it does not have', async () => {
  const server = new ServerTCP(
    {
      getHoldingRegister: (address: number) => {
        if (address > 500) throw Object.assign(new Error('no such register'), { modbusErrorCode: 2 });
        return 1000 + address;
      },
      getInputRegister: (address: number) => address >> 1,
      getCoil: (address: number) => address % 3 === 0,
      getDiscreteInput: (address: number) => address % 2 === 0,
    },
    { host: '127.0.0.1', port: 0, unitID: 9 },
  );
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const port = await new Promise<number>((resolve) => {
    server.once('initialized', () =>
      resolve((server as unknown as { _server: { address(): { port: number } } })._server.address().port),
    );
  });
  const context = new Collector();
  const tags = [
    tag('holding:7', 'uint16'),
    tag('holding:300', 'uint32'),
    tag('input:65535', 'uint16'),
    tag('coil:12', 'bool'),
    tag('coil:13', 'bool'),
    tag('discrete:20', 'bool'),
    tag('discrete:21', 'bool'),
    tag('holding:501', 'uint16'),
  ];
  run(modbus, device({ port, unitId: 9, pollMs: 50, timeoutMs: 2000 }), tags, context);
  await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(3), wait);
  const values = tags.map((_, i) => context.last(i + 1)?.value);
  expect(values).toEqual([1007, 1300 * 65536 + 1301, 32767, true, false, true, false, null]);
  expect(context.statuses.map((status) => status.state)).toEqual(['up']);
});

const libmodbus = libmodbusServers();
/** Registers of its unit-test-server that answer as devices should not. */
const SPECIAL = { busy: 0x170, wrongId: 0x171, late: 0x172, slowBytes: 0x173 };

describe.skipIf(!libmodbus)('libmodbus (needs libmodbus-dev, dpkg-dev, gcc, pkg-config)', () => {
  const server = (kind: 'tcp' | 'rtu', env: Record<string, string>) =>
    started(tool(join(libmodbus!, 'unit-test-server'), [kind], { PORT: '0', SERIAL: '', ...env }));

  test('values, writes and each of its misdeeds at once, on one connection that nothing disturbs', async () => {
    const [port] = await freePorts(1);
    server('tcp', { PORT: String(port) });
    const scope = new Collector();
    const add = (id: string, tags: ModbusTag[], settings: Partial<ModbusDevice> = {}) => {
      const context = Object.assign(new Collector(), { dataDir: scope.dataDir });
      const all = device({ ...quick, port: port!, unitId: 255, id, timeoutMs: 3000, ...settings });
      return { context, driver: run(modbus, all, tags, context) };
    };
    const good = add('good', [
      tag('holding:352', 'uint16'),
      tag('holding:356', 'uint64', { wordOrder: 'CDAB' }),
      tag('input:264', 'uint16'),
      tag('discrete:452', 'bool'),
      tag('discrete:454', 'bool'),
      tag('coil:310', 'bool'),
      tag('holding:361', 'bool', { bit: 3 }),
    ]);
    await vi.waitFor(() => expect(good.driver.status().state).toBe('up'), wait);
    const busy = add('busy', [tag(`holding:${SPECIAL.busy}`, 'uint16')]);
    const wrongId = add('wrong-id', [tag(`holding:${SPECIAL.wrongId}`, 'uint16')], { timeoutMs: 100 });
    const late = add('late', [tag(`holding:${SPECIAL.late}`, 'uint16')], { timeoutMs: 200 });
    const slow = add('slow', [tag(`holding:${SPECIAL.slowBytes}`, 'uint16')]);
    const short = add('short', [tag('holding:353', 'uint32')]);

    await vi.waitFor(() => expect(slow.context.last(1)?.value).toBe(0), wait);
    await vi.waitFor(() => expect(short.driver.status().reason).toContain('2 bytes where 4 were asked'), wait);
    await vi.waitFor(() => expect(late.driver.status().reason).toContain('did not answer within 200 ms'), wait);
    await vi.waitFor(() => expect(wrongId.driver.status().reason).toContain('did not answer within 100 ms'), wait);
    for (const bad of [busy, wrongId, late, short]) {
      expect(bad.context.frames.flatMap(({ values }) => values).every((value) => value === null)).toBe(true);
    }
    expect(busy.driver.status().missed).toBeGreaterThan(0);

    expect(await good.driver.write!(1, 555)).toMatchObject({ ok: true, old: 0, new: 555 });
    expect(await good.driver.write!(2, 2 ** 40 + 3)).toMatchObject({ ok: true, new: 2 ** 40 + 3 });
    expect(await good.driver.write!(6, true)).toMatchObject({ ok: true, old: false, new: true });
    expect(await good.driver.write!(7, true)).toMatchObject({ ok: true, old: false, new: true });
    const frames = good.context.frames.length;
    await vi.waitFor(() => expect(good.context.frames.length).toBeGreaterThan(frames + 1), wait);
    const values = [1, 2, 3, 4, 5, 6, 7].map((id) => good.context.last(id)?.value);
    expect(values).toEqual([555, 2 ** 40 + 3, 10, false, true, true, true]);
    expect(good.context.statuses.map(({ state }) => state)).toEqual(['up']);
    expect(good.context.frames.flatMap(({ quality }) => quality).every((code) => code === Quality.Good)).toBe(true);
  });

  test.skipIf(!hasSocat)('over a serial line (needs socat): a late answer is not the next one’s', async () => {
    const context = new Collector();
    const line = await wire(context.dataDir);
    onTestFinished(() => line.close());
    server('rtu', { SERIAL: line.farPath });
    const others = ['good', 'late'].map(() => Object.assign(new Collector(), { dataDir: context.dataDir }));
    const settings = { unitId: 17, timeoutMs: 1500 };
    const tags = [tag('holding:352', 'uint16'), tag('input:264', 'uint16'), tag('discrete:454', 'bool')];
    const good = run(modbus, serial(line.path, { ...settings, id: 'good' }), tags, others[0]!);
    await vi.waitFor(() => expect(others[0]!.frames.length).toBeGreaterThan(2), wait);
    expect(await good.write!(1, 4711)).toMatchObject({ ok: true, old: 0, new: 4711 });
    // The late one has the form of the good one's answers: one register.
    const late = serial(line.path, { unitId: 17, timeoutMs: 200, retries: 0, id: 'late' });
    run(modbus, late, [tag(`holding:${SPECIAL.late}`, 'uint16')], others[1]!);
    await vi.waitFor(() => expect(others[1]!.last(1)?.quality).toBe(Quality.BadTimeout), wait);
    const frames = others[0]!.frames.length;
    await vi.waitFor(() => expect(others[0]!.frames.length).toBeGreaterThan(frames + 3), wait);
    const values = others[0]!.samples(1).map(({ value }) => value);
    expect(new Set(values.slice(values.indexOf(4711)))).toEqual(new Set([4711]));
    expect([2, 3].map((id) => others[0]!.last(id)?.value)).toEqual([10, true]);
  });
});

const PYTHON = '/usr/bin/python3';
const hasPymodbus = works(PYTHON, '-c', 'import pymodbus.server');
const PYMODBUS = fileURLToPath(new URL('../../../services/pymodbus/server.py', import.meta.url));

describe.skipIf(!hasPymodbus)('pymodbus (needs python3-pymodbus, python3-serial-asyncio)', () => {
  const tags = [
    tag('holding:7', 'uint16'),
    tag('input:100', 'uint32'),
    tag('coil:3', 'bool'),
    tag('discrete:4', 'bool'),
    tag('holding:400', 'uint16'),
  ];

  async function proves(settings: ReturnType<typeof serial>, context: Collector) {
    const driver = run(modbus, settings, tags, context);
    await vi.waitFor(() => expect(context.samples(1).length).toBeGreaterThan(3), wait);
    await vi.waitFor(() => expect(context.last(5)?.quality).toBe(Quality.BadOutOfRange), wait);
    const values = [1, 2, 3, 4].map((id) => context.last(id)?.value);
    expect(values).toEqual([1007, 2100 * 65536 + 2101, true, false]);
    expect(await driver.write!(1, 42)).toMatchObject({ ok: true, old: 1007, new: 42 });
    expect(await driver.write!(3, false)).toMatchObject({ ok: true, old: true, new: false });
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(42), wait);
    expect(context.samples(2).every(({ quality }) => quality === Quality.Good)).toBe(true);
  }

  test('over TCP', async () => {
    const [port] = await freePorts(1);
    started(tool(PYTHON, [PYMODBUS, 'tcp', String(port)]));
    await listens(port!);
    await proves(device({ ...quick, port: port!, unitId: 5 }), new Collector());
  });

  test.skipIf(!hasSocat)('over a serial line (needs socat)', async () => {
    const context = new Collector();
    const line = await wire(context.dataDir);
    onTestFinished(() => line.close());
    const server = started(tool(PYTHON, [PYMODBUS, 'rtu', line.farPath]));
    await vi.waitFor(() => expect(server.output()).toContain('ready'), wait);
    await proves(serial(line.path, { unitId: 5 }), context);
  });
});

describe.skipIf(!works('mbpoll', '-V'))('mbpoll (needs mbpoll)', () => {
  test('reads what the demo’s moulder serves, and what the driver reads', async () => {
    const plant = await startPlant();
    onTestFinished(() => plant.stop());
    const { port } = plant.floor.addresses().moulder;
    const context = new Collector();
    const tags = [tag('holding:115', 'int16'), tag('discrete:3', 'bool'), tag('holding:108', 'int16')];
    run(modbus, device({ ...quick, port, unitId: 1 }), tags, context);
    await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(1), wait);
    const poll = (type: string, first: number) => {
      const args = ['-m', 'tcp', '-p', String(port), '-a', '1', '-0', '-1', '-q', '-t', type, '-r', String(first)];
      return new Promise<number>((resolve, reject) => {
        const read = tool('mbpoll', [...args, '-c', '1', '127.0.0.1']);
        void vi
          .waitFor(() => expect(read.output()).toMatch(/\[\d+\]:\s+-?\d+/), wait)
          .then(
            () => resolve(Number(/\[\d+\]:\s+(-?\d+)/.exec(read.output())![1])),
            () => reject(new Error(read.output())),
          );
        onTestFinished(() => read.stop());
      });
    };
    expect(await poll('4', 115)).toBe(context.last(1)?.value);
    expect(await poll('1', 3)).toBe(Number(context.last(2)?.value));
    const [before, force, after] = [context.last(3)?.value, await poll('4', 108), context.last(3)?.value];
    expect([before, after]).toContain(force > 32_767 ? force - 65_536 : force);
  });
});
