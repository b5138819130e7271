/** Clocks are set, lost and never set; the gateway's time keeps its order and tells each step. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { newestFileTime, WallClock } from '../../gateway/wall-clock.ts';
import { tempDir } from '../services/temp-dir.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const HOUR = 3_600_000;
const EPOCH_BEGIN = Date.UTC(2026, 0, 1);

/** Both clocks by hand: what passes, and what somebody adds to the system's clock besides. */
function rig(start = NOW, knownUntil = 0) {
  const time = { system: start, monotonic: 5_000 };
  const lines: string[] = [];
  const steps: [number, number][] = [];
  const clock = new WallClock({
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
    knownUntil,
    system: () => time.system,
    monotonic: () => time.monotonic,
  });
  clock.onStep = (stepMs, at) => steps.push([stepMs, at]);
  const pass = (ms: number, setBy = 0) => {
    time.system += ms + setBy;
    time.monotonic += ms;
    return clock.now();
  };
  return { clock, pass, lines, steps };
}

describe('the gateway’s time', () => {
  test('follows the system’s clock, also when that is corrected slowly', () => {
    const { pass, steps } = rig();
    let system = NOW;
    // 500 ppm for a day: what NTP does at most without a step.
    for (let second = 0; second < 24 * 3_600; second += 10) {
      system += 10_005;
      expect(pass(10_000, 5)).toBe(system);
    }
    expect(steps).toEqual([]);
  });

  test.each([
    ['forward', 2 * HOUR],
    ['back', -2 * HOUR],
    ['back by a second', -1_000],
  ])('a clock that is set %s is followed at once and told once', (_name, setBy) => {
    const { clock, pass, steps, lines } = rig();
    pass(500);
    expect(pass(500, setBy)).toBe(NOW + 1_000 + setBy);
    expect(pass(500)).toBe(NOW + 1_500 + setBy);
    expect(steps).toEqual([[setBy, NOW + 1_000 + setBy]]);
    expect(clock.steps).toBe(1);
    expect(lines).toEqual([expect.stringContaining('was set')]);
  });

  test('a clock that goes back by less than a second is waited for', () => {
    const { pass, steps } = rig();
    expect(pass(100)).toBe(NOW + 100);
    expect(pass(100, -900)).toBe(NOW + 100);
    expect(pass(700)).toBe(NOW + 100);
    expect(pass(500)).toBe(NOW + 500);
    expect(steps).toEqual([]);
  });

  test('without a battery it goes on behind what was measured before, until somebody knows the time', () => {
    const known = NOW - HOUR;
    const { clock, pass, steps, lines } = rig(12_000, known);
    expect(lines).toEqual([expect.stringContaining('never set')]);
    expect(clock.guessed).toBe(true);
    expect(pass(0)).toBe(known);
    expect(pass(60_000)).toBe(known + 60_000);
    expect(pass(1_000, NOW - 73_000)).toBe(NOW);
    expect(clock.guessed).toBe(false);
    expect(steps).toEqual([[HOUR - 61_000, NOW]]);
  });

  test('at its first start without a battery it is at least not in 1970', () => {
    expect(rig(0).pass(7)).toBe(EPOCH_BEGIN + 7);
  });

  test('a clock that falls back to 1970 while it runs is not followed', () => {
    const { pass, steps } = rig();
    pass(500);
    expect(pass(500, -NOW)).toBe(NOW + 1_000);
    expect(pass(500)).toBe(NOW + 1_500);
    expect(pass(500, NOW)).toBe(NOW + 2_000);
    expect(steps).toEqual([]);
  });

  test('what was written last tells how late it was', async () => {
    const dir = await tempDir();
    for (const [name, at] of [
      ['a', NOW],
      ['b', NOW - HOUR],
    ] as const) {
      writeFileSync(join(dir, name), '');
      utimesSync(join(dir, name), at / 1_000, at / 1_000);
    }
    expect(newestFileTime(dir)).toBe(NOW);
    expect(newestFileTime(join(dir, 'nowhere'))).toBe(0);
  });
});
