/** The arithmetic of a bus, against figures worked out by hand. */
import { describe, expect, test } from 'vitest';
import { loadsOf, overloads } from '../../../../gateway/drivers/modbus/bus-load.ts';
import {
  busTime,
  type CharacterFormat,
  characterBits,
  silenceMs,
} from '../../../../gateway/drivers/modbus/bus-time.ts';
import type { ModbusDevice, ModbusTag } from '../../../../gateway/drivers/modbus/config.ts';
import { device, floats, tag } from './settings.ts';

const standard: CharacterFormat = { baudRate: 9600, dataBits: 8, parity: 'even', stopBits: 1 };

describe('one request', () => {
  test('a character has 11 bits where the standard is kept, and 10 with 8N1', () => {
    expect(characterBits(standard)).toBe(11);
    expect(characterBits({ ...standard, parity: 'none', stopBits: 2 })).toBe(11);
    expect(characterBits({ ...standard, parity: 'none' })).toBe(10);
  });

  test('the silence is 3.5 characters, and fixed above 19,200 baud', () => {
    expect(silenceMs(standard)).toBeCloseTo(4.0104, 3);
    expect(silenceMs({ ...standard, baudRate: 19_200 })).toBeCloseTo(2.0052, 3);
    expect(silenceMs({ ...standard, baudRate: 38_400 })).toBe(1.75);
  });

  test('125 registers at 9600 baud take a third of a second', () => {
    // 8 × 11 / 9600 = 9.167 ms; 255 × 11 / 9600 = 292.188 ms; the pause is the silence of 4.010 ms.
    const time = busTime({ bytesOut: 8, bytesIn: 255 }, { serial: standard, answerMs: 20, pauseMs: 0 });
    expect(time.outMs).toBeCloseTo(9.167, 3);
    expect(time.waitMs).toBe(20);
    expect(time.inMs).toBeCloseTo(292.188, 3);
    expect(time.pauseMs).toBeCloseTo(4.01, 2);
    expect(time.totalMs).toBeCloseTo(325.365, 3);
  });

  test('a device answers no sooner than the silence lasts, and on a network only the round trip counts', () => {
    expect(busTime({ bytesOut: 8, bytesIn: 7 }, { serial: standard, answerMs: 0, pauseMs: 0 }).waitMs).toBeCloseTo(
      4.01,
    );
    const network = busTime({ bytesOut: 12, bytesIn: 259 }, { serial: null, answerMs: 5, pauseMs: 2 });
    expect(network).toEqual({ outMs: 0, waitMs: 5, inMs: 0, pauseMs: 2, totalMs: 7 });
  });
});

/** A device on a serial line. */
function meter(id: string, tags: ModbusTag[], rest: Partial<ModbusDevice> = {}) {
  const serial = { ...standard, path: '/dev/ttyS1' };
  const { host: _host, ...settings } = device({ transport: 'rtu', serial, answerMs: 20, ...rest });
  return { id, settings: settings as ModbusDevice, tags: tags.map((one, i) => ({ name: `tag${i}`, settings: one })) };
}

function plc(id: string, tags: ModbusTag[], rest: Partial<ModbusDevice> = {}) {
  return { id, settings: device({ id, ...rest }), tags: tags.map((one, i) => ({ name: `tag${i}`, settings: one })) };
}

const registers = (count: number, pollMs?: number) =>
  Array.from({ length: count }, (_, i) => tag(`holding:${i}`, 'uint16', pollMs ? { pollMs } : {}));

describe('all that is on one bus', () => {
  test('periods that fit are not doubted', () => {
    expect(overloads([meter('m1', registers(125), { pollMs: 500 })])).toEqual([]);
    expect(overloads([plc('plc', floats(500), { pollMs: 100 })])).toEqual([]);
    expect(overloads([])).toEqual([]);
  });

  test('one that cannot be kept is told with its arithmetic', () => {
    const [found, ...rest] = overloads([meter('m1', registers(125), { pollMs: 200 })]);
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ device: 0, field: 'pollMs' });
    // 325.365 ms in 200 ms.
    expect(found!.message).toContain('the periods on /dev/ttyS1 cannot be kept: they need 163 % of its time');
    expect(found!.message).toContain('"m1" every 200 ms: 1 request, 325 ms');
    expect(found!.message).toContain(
      '8 bytes out 9.2 ms + until the answer 20 ms + 255 bytes in 292 ms + pause 4.0 ms',
    );
    expect(found!.message).toContain('11 bits a character at 9600 baud');
    expect(found!.message).toContain('raise pollMs to 410 or more');
  });

  test('devices of one line share its time, those of others do not', () => {
    const three = [1, 2, 3].map((n) => meter(`m${n}`, registers(60), { unitId: n, pollMs: 500 }));
    // 125 bytes: 143.2 + 9.2 + 20 + 4 = 176.4 ms each, 529 ms together.
    const [found] = overloads([plc('plc', floats(1)), ...three]);
    expect(found!.message).toContain('need 106 % of its time');
    expect(found!.message).toContain('make the periods 1.3 times as long');
    expect(found!.device).toBe(1);
    const apart = three.map((one, i) => ({
      ...one,
      settings: { ...one.settings, serial: { ...standard, path: `/dev/ttyS${i}` } },
    }));
    expect(overloads(apart)).toEqual([]);
  });

  test('a pause for slow transceivers counts where units take turns', () => {
    const pair = [1, 2].map((n) => meter(`m${n}`, registers(1), { unitId: n, turnaroundMs: 30 }));
    expect(loadsOf(pair[0]!, 0, false)[0]!.cycleMs).toBeCloseTo(9.167 + 20 + 8.021 + 4.01, 2);
    expect(loadsOf(pair[0]!, 0, true)[0]!.cycleMs).toBeCloseTo(9.167 + 20 + 8.021 + 30, 2);
  });

  test('over a network the latency counts: forty requests of 5 ms do not fit into 100 ms', () => {
    const [found] = overloads([plc('plc', floats(40), { pollMs: 100, coalesce: false })]);
    expect(found!.message).toContain('40 requests, 200 ms');
    expect(found!.message).toContain('lower answerMs when the device is faster');
  });

  test('a short period that must wait for one long request of another is doubted, though there is room', () => {
    const [found] = overloads([
      meter('fast', registers(2), { pollMs: 200, unitId: 1 }),
      meter('slow', registers(125), { pollMs: 10_000, unitId: 2 }),
    ]);
    expect(found).toMatchObject({ device: 0, field: 'pollMs' });
    expect(found!.message).toContain('may have to wait 325 ms for the longest request of "slow" every 10000 ms');
    expect(found!.message).toContain('lower maxBlock');
  });

  test('periods of single tags count each with their requests', () => {
    const [found] = overloads([
      meter('m1', [...registers(2, 50), ...Array.from({ length: 30 }, (_, i) => tag(`input:${i}`, 'uint16'))], {
        pollMs: 1000,
      }),
    ]);
    expect(found!.message).toContain('"m1" every 50 ms: 1 request');
    expect(found!.message).toContain('"m1" every 1000 ms: 1 request');
  });
});
