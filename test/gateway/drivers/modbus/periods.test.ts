/** Periods that share a bus, and what is said when one cannot be kept. */
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test, vi } from 'vitest';
import { CycleWatch } from '../../../../gateway/drivers/modbus/cycle-watch.ts';
import { modbus } from '../../../../gateway/drivers/modbus/modbus.ts';
import { Collector, run } from '../collect.ts';
import { serve, wait } from './rig.ts';
import { device, tag } from './settings.ts';

const HOUR = 3_600_000;

describe('whether periods are kept', () => {
  test('one late poll is no reason to say anything, three are', () => {
    const watch = new CycleWatch();
    expect(watch.ended(100, 150, 2, 0, 1)).toBeNull();
    for (let i = 0; i < 4; i++) watch.ended(100, 90, 2, 100, 1);
    expect(watch.ended(100, 150, 2, 200, 2)).toBeNull();
    expect(watch.ended(100, 150, 2, 400, 3)).toBeNull();
    expect(watch.reason()).toBe('');
    const line = watch.ended(100, 229.4, 2, 600, 4);
    expect(line).toContain('every 100 ms (takes 230 ms, 2 requests)');
    expect(line).toContain('4 polls missed');
    expect(watch.reason()).toContain('raise pollMs');
  });

  test('it is said once an hour, with what was missed since', () => {
    const watch = new CycleWatch();
    const lines = Array.from({ length: 3 * 3600 }, (_, second) =>
      watch.ended(500, 700, 9, second * 1000, second),
    ).filter((line) => line !== null);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain('3600 polls missed');
    expect(watch.ended(1000, 1200, 1, 3 * HOUR, 0)).toBeNull();
  });

  test('every third poll late is told, every tenth is not', () => {
    const reasonAfter = (every: number) => {
      const watch = new CycleWatch();
      for (let i = 1; i <= 100; i++) watch.ended(100, i % every === 0 ? 120 : 80, 2, i, i);
      return watch.reason();
    };
    expect(reasonAfter(3)).toContain('every 100 ms (takes 120 ms');
    expect(reasonAfter(10)).toBe('');
  });

  test('polls in time again end it', () => {
    const watch = new CycleWatch();
    for (let i = 0; i < 50; i++) watch.ended(100, 150, 2, i, i);
    for (let i = 0; i < 11; i++) watch.ended(100, 50, 2, i, i);
    expect(watch.reason()).not.toBe('');
    watch.ended(100, 50, 2, 6, 6);
    expect(watch.reason()).toBe('');
  });
});

test('a device that is too slow stays up, and its status and one line of the log say what it takes', async () => {
  const server = await serve();
  server.behave = () => ({ delayMs: 45 });
  const context = new Collector();
  const driver = run(
    modbus,
    device({ pollMs: 20, timeoutMs: 2000, port: server.port }),
    [tag('holding:0', 'int16')],
    context,
  );
  await vi.waitFor(() => expect(driver.status().reason).toContain('too slowly'), wait);
  expect(driver.status()).toMatchObject({ state: 'up', errors: 0 });
  expect(driver.status().reason).toMatch(/polls are missed: every 20 ms \(takes \d\d+ ms, 1 request\); raise pollMs/);
  expect(driver.status().missed).toBeGreaterThan(2);
  const frames = context.frames.length;
  await vi.waitFor(() => expect(context.frames.length).toBeGreaterThan(frames + 3), wait);
  expect(context.logLines.filter((line) => line.includes('too slowly'))).toHaveLength(1);
  expect(context.frames.flatMap((frame) => frame.quality).every((quality) => quality === Quality.Good)).toBe(true);
  expect(context.statuses.map((status) => status.state)).toEqual(['up']);

  server.behave = () => 'right';
  await vi.waitFor(() => expect(driver.status().reason).toBe(''), wait);
});

test('a poll with many requests lets those of a short period through', async () => {
  const server = await serve();
  server.behave = () => ({ delayMs: 5 });
  const context = new Collector();
  // Forty requests of 5 ms and more for the long period; one for the short one.
  const slow = Array.from({ length: 40 }, (_, i) => tag(`holding:${10 * i}`, 'uint16'));
  const fast = tag('input:0', 'uint16', { pollMs: 50 });
  run(modbus, device({ pollMs: 1000, maxGap: 0, timeoutMs: 2000, port: server.port }), [...slow, fast], context);
  const asked = (code: number) => server.requests.filter((request) => request.code === code).length;
  await vi.waitFor(() => expect(asked(3)).toBeGreaterThanOrEqual(80), wait);
  const codes = server.requests.map((request) => request.code);
  const between = codes.slice(codes.indexOf(3), codes.lastIndexOf(3));
  // While forty requests are under way, the short period has come round several times.
  const runs = between
    .join('')
    .split('4')
    .map((run) => run.length);
  expect(Math.max(...runs)).toBeLessThan(20);
  expect(server.overlapping).toBe(0);
  // All of the long period is one frame all the same.
  expect(context.frames.filter((frame) => frame.tags.length > 1).every((frame) => frame.tags.length === 40)).toBe(
    true,
  );
});
