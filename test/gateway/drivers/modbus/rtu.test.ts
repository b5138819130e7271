/** RTU frames: over TCP, as behind a device server, and over a serial port. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ModbusDevice } from '../../../../gateway/drivers/modbus/config.ts';
import { crc16 } from '../../../../gateway/drivers/modbus/crc16.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { readRequest } from '../../../../gateway/drivers/modbus/request.ts';
import { serialStream } from '../../../../gateway/drivers/modbus/serial-stream.ts';
import type { Behaviour } from '../../../services/fake-modbus-server.ts';
import { hasSocat, wire } from '../../../services/pty-pair.ts';
import { Collector, run } from '../collect.ts';
import { openLine } from './line.ts';
import { context, freshDevice, server, wait } from './rig.ts';
import { device, floats, tag } from './settings.ts';

const quick: Partial<ModbusDevice> = { pollMs: 20, timeoutMs: 150, retryMinMs: 100, retryMaxMs: 200 };

freshDevice('rtu');

const open = () => openLine(server, 'rtu');

test('the checksum of the standard’s example', () => {
  // Modbus over serial line V1.02, appendix B: 02 07 gives 41 12 on the wire.
  expect(crc16(Uint8Array.of(0x02, 0x07), 0, 2)).toBe(0x1241);
});

test('what comes too late never answers the next request of the same form', async () => {
  const { ask, transport } = await open();
  server.holding.set([111, 222, 333], 0);
  server.behave = ({ address }) => (address === 0 ? { delayMs: 30 } : 'right');
  void ask(readRequest(1, 3, 0, 1));
  await vi.waitFor(() => expect(server.requestCount).toBe(1), wait);
  transport.forget();
  // Its answer has the form of the next one, and is on its way.
  server.behave = ({ count }) => ({ delayMs: count === 2 ? 60 : 0 });
  expect(await ask(readRequest(1, 3, 1, 1))).toBe('00de');
  expect(server.requests.map(({ address, count }) => [address, count])).toEqual([
    [0, 1],
    [1, 2],
    [1, 1],
  ]);
  expect(await ask(readRequest(1, 3, 2, 1))).toBe('014d');
  expect(server.requestCount).toBe(4);
});

describe('a device that does wrong never gives a wrong value, and one request later all is well', () => {
  const wrong: [string, Behaviour, requests: number][] = [
    ['a spoilt checksum', 'spoilt', 2],
    ['bytes that are no frame', 'garbage', 2],
    ['an answer for another unit', 'wrongUnit', 2],
    ['another function', 'wrongFunction', 1],
    ['too few bytes', 'short', 1],
    ['silence', 'silent', 2],
  ];
  test.each(wrong)('%s', async (_name, behaviour, most) => {
    server.holding.set([5, 0], 0);
    let left = 1;
    server.behave = () => (left-- > 0 ? behaviour : 'right');
    const { ask, transport } = await open();
    const first = ask(readRequest(1, 3, 0, 1));
    const outcome = await Promise.race([
      first,
      new Promise<string>((resolve) => setTimeout(resolve, 150, 'nothing')),
    ]);
    expect(outcome).not.toMatch(/^[0-9a-f]+$/);
    transport.forget();
    const before = server.requestCount;
    expect(await ask(readRequest(1, 3, 0, 1))).toBe('0005');
    expect(server.requestCount - before).toBeLessThanOrEqual(most);
  });

  test('noise ahead of an answer, and an answer in single bytes, are put up with', async () => {
    server.holding[0] = 0x0103;
    const { ask } = await open();
    server.behave = () => 'noiseAhead';
    expect(await ask(readRequest(1, 3, 0, 2))).toBe('01030000');
    server.behave = () => 'split';
    expect(await ask(readRequest(1, 3, 0, 2))).toBe('01030000');
  });
});

test('the driver repeats a read that noise has spoilt, and no sample is lost or wrong', async () => {
  let reads = 0;
  server.beforeRead = () => server.setFloat32(server.holding, 0, ++reads);
  let asked = 0;
  const faults: Behaviour[] = ['spoilt', 'garbage', 'silent', 'noiseAhead', 'split'];
  server.behave = ({ count }) => (count === 6 && ++asked % 4 === 0 ? faults[(asked / 4) % 5]! : 'right');
  const settings = device({ ...quick, transport: 'rtuOverTcp', port: server.port });
  const driver = run(modbus, settings, floats(3), context);
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(40), wait);
  expect(context.statuses.map(({ state }) => state)).toEqual(['up']);
  expect(server.connectionCount).toBe(1);
  expect(context.frames.flatMap(({ quality }) => quality).every((quality) => quality === Quality.Good)).toBe(true);
  const values = context.samples(1).map(({ value }) => value as number);
  expect(values).toEqual([...values].sort((a, b) => a - b));
  expect(new Set(values).size).toBe(values.length);
  expect(driver.status().endpoint).toBe(`modbus+rtu://127.0.0.1:${server.port}/1`);
});

describe.skipIf(!hasSocat)('a serial port (needs socat)', () => {
  test('that goes says so once, whether it was waited for or written to', async () => {
    for (const everyMs of [0, 1]) {
      const { path, close } = await wire(context.dataDir, server.port);
      onTestFinished(close);
      const opened = Promise.withResolvers<void>();
      const told: string[] = [];
      const serial = { path, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;
      const events = {
        opened: opened.resolve,
        received: () => {},
        closed: (error: Error) => told.push(error.message),
      };
      const stream = serialStream(serial)(events);
      onTestFinished(() => stream.destroy());
      await opened.promise;
      const writing = everyMs > 0 ? setInterval(() => stream.write(Buffer.alloc(8)), everyMs) : undefined;
      onTestFinished(() => clearInterval(writing));
      await close();
      await vi.waitFor(() => expect(told).toEqual(['the serial port is gone; is the adapter plugged in?']), wait);
    }
  });

  test('several units on one line, with pauses, and a port that goes and comes', async () => {
    const far = server;
    const first = await wire(context.dataDir, far.port);
    onTestFinished(() => first.close());
    far.setFloat32(far.holding, 0, 1.5);
    const serial = { path: first.path, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;
    // Nothing is answered late here but by socat, on a busy machine; and what is asked again has no pause of its own.
    const patient = { ...quick, timeoutMs: 1_000 };
    const settings: Partial<ModbusDevice> = { ...patient, transport: 'rtu', serial, turnaroundMs: 4 };
    const others = [1, 2].map(() => Object.assign(new Collector(), { dataDir: context.dataDir }));
    const one = run(modbus, serialDevice({ ...settings, id: 'one', unitId: 1 }), floats(1), others[0]!);
    run(modbus, serialDevice({ ...settings, id: 'two', unitId: 2 }), [tag('holding:0', 'uint16')], others[1]!);
    await vi.waitFor(() => expect(others[1]!.frames.length).toBeGreaterThan(5), wait);
    expect(others[0]!.last(1)?.value).toBe(1.5);
    expect(far.overlapping).toBe(0);
    const turns = far.requests.slice(1).filter((request, i) => request.unit !== far.requests[i]!.unit);
    const pauses = turns.map((request) => request.at - far.requests[far.requests.indexOf(request) - 1]!.at);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(3);
    expect(await one.write!(1, -8)).toMatchObject({ ok: true, old: 1.5, new: -8 });

    await first.close();
    await vi.waitFor(() => expect(others[0]!.last(1)?.quality).toBe(Quality.BadNoCommunication), wait);
    expect(one.status().reason).toMatch(/^lost .*near: the serial port is gone; is the adapter plugged in\?/);
    const second = await wire(context.dataDir, far.port);
    onTestFinished(() => second.close());
    await vi.waitFor(() => expect(others[0]!.last(1)?.value).toBe(-8), wait);
  });

  function serialDevice(settings: Partial<ModbusDevice> & { id: string }) {
    const { host: _host, ...rest } = device(settings);
    return rest;
  }
});
