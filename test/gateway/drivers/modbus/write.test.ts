import type { Value } from '@lineside/shared/contracts/frame.ts';
import { describe, expect, test, vi } from 'vitest';
import type { Driver } from '../../../../gateway/drivers/driver.ts';
import type { ModbusTag } from '../../../../gateway/drivers/modbus/config.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { Conditioner } from '../../../../gateway/tags/conditioner.ts';
import { WriteRules } from '../../../../gateway/tags/write-rules.ts';
import { run } from '../collect.ts';
import { context, freshDevice, server, wait } from './rig.ts';
import { device, floats, tag } from './settings.ts';

const quick = { pollMs: 50, timeoutMs: 300, retryMinMs: 100, retryMaxMs: 200 };

freshDevice();

async function up(tags: ModbusTag[]): Promise<Driver> {
  const driver = run(modbus, device({ ...quick, port: server.port }), tags, context);
  await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
  return driver;
}

const codes = () => server.requests.map(({ code }) => code).filter((code) => code > 4);

const WRITES: [string, ModbusTag, Value, code: number, registers: number[]][] = [
  ['a coil', tag('coil:3', 'bool'), true, 5, []],
  ['one register', tag('holding:3', 'int16'), -2, 6, [0xfffe]],
  ['a float', tag('holding:3', 'float32'), 1.5, 16, [0x3fc0, 0]],
  ['a float, words turned', tag('holding:3', 'float32', { wordOrder: 'CDAB' }), 1.5, 16, [0, 0x3fc0]],
  ['a float, bytes turned', tag('holding:3', 'float32', { wordOrder: 'BADC' }), 1.5, 16, [0xc03f, 0]],
  ['a float, all turned', tag('holding:3', 'float32', { wordOrder: 'DCBA' }), 1.5, 16, [0, 0xc03f]],
  ['64 bits', tag('holding:3', 'uint64', { wordOrder: 'CDAB' }), 2 ** 33 + 7, 16, [7, 0, 2, 0]],
  ['a double', tag('holding:3', 'float64'), -0.5, 16, [0xbfe0, 0, 0, 0]],
  ['decimal digits', tag('holding:3', 'bcd32'), 12_345, 16, [0x0001, 0x2345]],
  ['a text', tag('holding:3', 'string', { length: 3 }), 'A7µ', 16, [0x4137, 0xb500, 0]],
  ['a bit of a register', tag('holding:3', 'bool', { bit: 9 }), true, 22, [0x0f0f | 0x200]],
  ['a byte of a register', tag('holding:3', 'int8', { byte: 'high' }), -1, 22, [0xff0f]],
];

describe('a value arrives', () => {
  test.each(WRITES)('%s', async (_name, where, value, code, registers) => {
    server.holding.fill(0x0f0f, 0, 10);
    const driver = await up([where]);
    const result = await driver.write!(1, value);
    expect(result).toMatchObject({ ok: true, new: value, error: '' });
    expect(codes()).toEqual([code]);
    expect([...server.holding.subarray(3, 3 + registers.length)]).toEqual(registers);
    expect(server.holding[2]).toBe(0x0f0f);
    if (registers.length > 0) expect(server.holding[3 + registers.length]).toBe(0x0f0f);
    else expect([...server.coils.subarray(2, 5)]).toEqual([0, 1, 0]);
    await vi.waitFor(() => expect(context.last(1)?.value).toBe(value), wait);
  });

  test('with functions 16 and 15 where the device has no other', async () => {
    server.behave = ({ code }) => (code === 5 || code === 6 ? { exception: 1 } : 'right');
    const driver = await up([tag('holding:3', 'uint16'), tag('coil:0', 'bool')]);
    expect(await driver.write!(1, 77)).toMatchObject({ ok: true, old: 0, new: 77 });
    expect(await driver.write!(2, true)).toMatchObject({ ok: true, old: false, new: true });
    expect(codes()).toEqual([6, 16, 5, 15]);
    expect(driver.status().state).toBe('up');
  });

  test('ahead of the polls that wait, one after the other', async () => {
    const tags = floats(30);
    server.behave = () => ({ delayMs: 5 });
    const settings = device({ ...quick, port: server.port, maxBlock: 2 });
    const driver = run(modbus, settings, tags, context);
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    await vi.waitFor(() => expect(server.requests.at(-1)?.address).toBe(4), wait);
    const from = server.requests.length;
    const results = await Promise.all([driver.write!(1, 8), driver.write!(1, 9)]);
    expect(results.map(({ old, new: now }) => [old, now])).toEqual([
      [0, 8],
      [8, 9],
    ]);
    const between = server.requests
      .slice(from)
      .map(({ code, address }) => (code > 4 || address === 0 ? 'write' : 'poll'));
    // Between two steps of a write at most one poll goes out: the one whose turn it is when the answer comes.
    expect(between.filter((what) => what === 'poll').length).toBeLessThanOrEqual(7);
    expect(server.overlapping).toBe(0);
  });
});

describe('a value that does not arrive is told', () => {
  test('what the device confirms and does not take', async () => {
    server.holding[3] = 5;
    server.behave = ({ code }) => (code > 4 ? 'ignoreWrite' : 'right');
    const driver = await up([tag('holding:3', 'uint16')]);
    const result = await driver.write!(1, 9);
    expect(result).toMatchObject({ ok: false, old: 5, new: 5 });
    expect(result.error).toContain('the device confirmed 9 and holds 5');
  });

  test('what the device refuses; it stays up', async () => {
    server.behave = ({ code }) => (code > 4 ? { exception: 3 } : 'right');
    const driver = await up([tag('holding:3', 'uint16'), tag('holding:4', 'bool', { bit: 1 })]);
    expect(await driver.write!(1, 9)).toMatchObject({ ok: false, old: 0, new: 0 });
    expect((await driver.write!(1, 9)).error).toContain('exception 3');
    server.behave = ({ code }) => (code === 22 ? { exception: 1 } : 'right');
    expect((await driver.write!(2, true)).error).toContain('no function 22');
    expect(driver.status().state).toBe('up');
    expect(server.holding[4]).toBe(0);
  });

  test('what cannot be there', async () => {
    const driver = await up([tag('input:3', 'uint16'), tag('holding:3', 'uint16'), tag('coil:0', 'bool')]);
    expect((await driver.write!(1, 9)).error).toContain('can only be read');
    expect((await driver.write!(2, 70_000)).error).toContain('70000 does not fit uint16');
    expect((await driver.write!(2, 'on')).error).toContain('is not a number');
    expect((await driver.write!(3, 2)).error).toContain('is not true or false');
    expect((await driver.write!(9, 2)).error).toContain('no such tag');
    expect(codes()).toEqual([]);
  });

  test('no answer: an error within the timeout, and nothing is made up for later', async () => {
    const driver = await up([tag('holding:3', 'uint16')]);
    server.behave = ({ code }) => (code > 4 ? 'silent' : 'right');
    const began = performance.now();
    const unknown = await driver.write!(1, 9);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(unknown).toMatchObject({ ok: false, old: 0, new: null });
    expect(unknown.error).toContain('not known whether it was written');
    server.behave = () => 'silent';
    await vi.waitFor(() => expect(driver.status().state).toBe('down'), wait);
    const down = await driver.write!(1, 10);
    expect(down.error).toMatch(/nothing was written.*did not answer/);
    server.behave = () => 'right';
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    expect(codes()).toEqual([6]);
    expect(server.holding[3]).toBe(0);
  });

  test('a connection that breaks, and a gateway that stops, end a write that is under way', async () => {
    const driver = await up([tag('holding:3', 'uint16')]);
    server.behave = ({ code }) => (code > 4 ? 'close' : 'right');
    expect((await driver.write!(1, 9)).error).toContain('not known whether it was written');
    server.behave = () => 'right';
    await vi.waitFor(() => expect(driver.status().state).toBe('up'), wait);
    server.behave = () => 'silent';
    const pending = driver.write!(1, 9);
    await driver.stop();
    expect((await pending).ok).toBe(false);
    expect((await driver.write!(1, 9)).error).toContain('nothing was written');
  });
});

test('limits are in engineering units, and the scale is undone', async () => {
  const driver = await up([tag('holding:3', 'int16'), tag('holding:4', 'uint16')]);
  const common = { scale: 0.1, offset: -20, writable: true, min: 0, max: 80 };
  const conditioner = new Conditioner();
  conditioner.add('press', 1, common);
  conditioner.add('press', 2, { scale: 1, offset: 0, enum: { 0: 'Stopped', 7: 'Running' } });
  const rules = new WriteRules();
  rules.add(1, { name: 'zone', type: 'float64', ...common });
  rules.add(2, { name: 'mode', type: 'string', writable: true });
  rules.add(3, { name: 'speed', type: 'float64', writable: false });

  expect([0, 80, 21.5].map((value) => rules.refusal(1, value))).toEqual([null, null, null]);
  expect(rules.refusal(1, 80.1)).toBe('80.1 is beyond the limits of zone, 0 to 80');
  expect(rules.refusal(1, -0.1)).toContain('limits');
  expect(rules.refusal(1, Number.NaN)).toContain('takes a number');
  expect(rules.refusal(3, 1)).toContain('may not be written');
  expect(rules.refusal(4, 1)).toContain('may not be written');

  const result = await driver.write!(1, conditioner.raw(1, 21.5)!);
  expect(server.holding[3]).toBe(415);
  expect(conditioner.engineering(1, result.new)).toBe(21.5);
  expect(await driver.write!(2, conditioner.raw(2, 'Running')!)).toMatchObject({ ok: true, new: 7 });
  expect(conditioner.engineering(2, 7)).toBe('Running');
  expect(conditioner.raw(2, 'Flying')).toBeUndefined();
});
