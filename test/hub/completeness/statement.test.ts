/** Days and what is said of them, as data: no database. */
import { describe, expect, test } from 'vitest';
import { dayBefore, dayWindow } from '../../../hub/completeness/day.ts';
import { deliveryOf, deviceCompleteness } from '../../../hub/completeness/statement.ts';
import type { StoredSample } from '../../../hub/store/timeseries/time-series.ts';

const HOUR = 3_600_000;
const DAY = dayWindow('2026-11-20', 'UTC');
const S = 1_000;

/** A heartbeat every 5 s from second to second of the day, with this value. */
function beats(from: number, to: number, value: 0 | 1): StoredSample[] {
  const list: StoredSample[] = [];
  for (let at = from; at < to; at += 5) list.push({ at: DAY.from + at * S, value, quality: 0 });
  return list;
}

describe('a day', () => {
  test.each([
    ['2026-11-20', 'UTC', 24],
    ['2026-11-20', 'Asia/Tokyo', 24],
    // Central Europe's clocks change at these.
    ['2026-03-29', 'Europe/Berlin', 23],
    ['2026-10-25', 'Europe/Berlin', 25],
  ])('%s in %s has %i hours', (day, zone, hours) => {
    const window = dayWindow(day, zone);
    expect(window.day).toBe(day);
    expect((window.to - window.from) / HOUR).toBe(hours);
  });

  test('is yesterday by the clocks of the plant', () => {
    const now = Date.UTC(2026, 10, 21, 23, 30);
    expect(dayBefore(1, 'UTC', now).day).toBe('2026-11-20');
    expect(dayBefore(1, 'Europe/Berlin', now).day).toBe('2026-11-21');
  });

  test.each(['2026-13-01', 'today', '', '2026-11-31'])('"%s" is none', (day) => {
    expect(() => dayWindow(day, 'UTC')).toThrow(/is no day/);
  });
});

describe('a device', () => {
  const links = [...beats(0, 100, 1), ...beats(100, 200, 0), ...beats(200, 300, 1), ...beats(400, 500, 1)];
  const end = DAY.from + 500 * S;

  test('that was down, and whose gateway was away, is told by cause and time', () => {
    const { silent, collectedMs, expectedMs } = deviceCompleteness(
      { device: 'press', counts: [], links, firstSeenAt: DAY.from - HOUR },
      DAY,
      end,
    );
    expect(silent.map(({ from, to, cause }) => [(from - DAY.from) / S, (to - DAY.from) / S, cause])).toEqual([
      [100, 200, 'deviceDown'],
      [300, 400, 'gatewayAway'],
    ]);
    expect(expectedMs).toBe(500 * S);
    expect(collectedMs).toBe(300 * S);
  });

  test('counts from when it was first connected', () => {
    const firstSeenAt = DAY.from + 200 * S;
    const { silent, expectedMs } = deviceCompleteness({ device: 'press', counts: [], links, firstSeenAt }, DAY, end);
    expect(expectedMs).toBe(300 * S);
    expect(silent).toHaveLength(1);
  });

  test('that was never connected is expected to give nothing', () => {
    const never = deviceCompleteness({ device: 'press', counts: [], links: [], firstSeenAt: null }, DAY, end);
    expect(never).toMatchObject({ samples: 0, firstAt: null, expectedMs: 0, collectedMs: 0, silent: [] });
  });

  test('that comes and goes all day lists its longest silences by time, and sums all', () => {
    const flapping = Array.from({ length: 1_000 }, (_, i) => beats(i * 60, i * 60 + 30 - (i % 5) * 5, 1)).flat();
    const device = deviceCompleteness(
      { device: 'press', counts: [], links: flapping, firstSeenAt: DAY.from },
      DAY,
      DAY.to,
    );
    expect(device.silent).toHaveLength(200);
    expect(device.silent.toSorted((a, b) => a.from - b.from)).toEqual(device.silent);
    expect(Math.min(...device.silent.map(({ from, to }) => to - from))).toBeGreaterThanOrEqual(50 * S);
    expect(device.collectedMs).toBe(flapping.length * 5 * S);
  });
});

const lost = { cause: 'bufferFull', epoch: null, fromSeq: 1, toSeq: 2, samples: 9, fromAt: null, toAt: null };
describe('the delivery of a day', () => {
  test.each([
    ['everything behind it is here', [], DAY.to + 5_000, DAY.to + HOUR, 'complete'],
    ['something is missing', [lost], DAY.to + 5_000, DAY.to + HOUR, 'incomplete'],
    ['the gateway has not come back since', [], DAY.to - HOUR, DAY.to + HOUR, 'open'],
    ['the gateway never came', [], null, DAY.to + HOUR, 'open'],
    ['it is not over', [], DAY.from + HOUR, DAY.from + HOUR, 'open'],
  ])('%s', (_name, missing, until, now, want) => {
    expect(deliveryOf(missing, until, DAY, now)).toBe(want);
  });
});
