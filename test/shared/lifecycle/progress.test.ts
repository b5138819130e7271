import { Progress } from '@lineside/shared/lifecycle/progress.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LogLine, recordingLog } from './recording-log.ts';

const INTERVAL_MS = 30_000;

let now: number;
let fed: number[];
let lines: LogLine[];
let progress: Progress;

beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
  fed = [];
  const recording = recordingLog();
  lines = recording.lines;
  progress = new Progress({
    log: recording.log,
    watchdog: {
      intervalMs: INTERVAL_MS,
      feed: async () => {
        fed.push(now);
      },
    },
    now: () => now,
  });
});

afterEach(() => {
  progress.stop();
  vi.useRealTimers();
});

function pass(ms: number): void {
  const end = now + ms;
  while (now < end) {
    now += 250;
    vi.advanceTimersByTime(250);
  }
}

describe('Progress', () => {
  it('feeds at half the interval while every part moves', () => {
    const mark = progress.part('buffer', { maxSilenceMs: 20_000 });
    progress.start();
    for (let i = 0; i < 6; i += 1) {
      pass(10_000);
      mark.beat();
    }
    expect(fed).toEqual([0, 15_000, 30_000, 45_000, 60_000]);
    expect(lines).toEqual([]);
  });

  it('starves the watchdog because of one silent part, names it once, and feeds again when it moves', () => {
    const buffer = progress.part('buffer', { maxSilenceMs: 10_000 });
    const drivers = progress.part('drivers', { maxSilenceMs: 10_000 });
    progress.start();
    for (let i = 0; i < 5; i += 1) {
      pass(8_000);
      drivers.beat();
    }
    expect(fed).toEqual([0]);
    expect(progress.overdue()).toEqual([{ name: 'buffer', silentMs: 40_000, maxSilenceMs: 10_000 }]);
    expect(lines).toMatchObject([{ level: 'error', part: 'buffer', silentMs: 15_000 }]);
    expect(lines[0]?.msg).toContain("'buffer' makes no progress");

    buffer.beat();
    pass(4_000);
    expect(fed.length).toBe(2);
    expect(lines[1]).toMatchObject({ level: 'info', part: 'buffer' });
  });

  it('looks again soon enough to be fed in time after the whole process stood still', () => {
    const mark = progress.part('buffer', { maxSilenceMs: 5_000 });
    progress.start();
    pass(15_000);
    mark.beat();
    pass(4_000);
    mark.beat();
    expect(fed.at(-1)).toBeGreaterThanOrEqual(15_000);
    expect(fed.at(-1)! - fed.at(-2)!).toBeLessThan(INTERVAL_MS);
  });

  it('lets a paused part be silent, and counts its silence from the moment it resumes', () => {
    const mark = progress.part('publisher', { maxSilenceMs: 5_000 });
    progress.start();
    mark.pause();
    pass(60_000);
    expect(progress.overdue()).toEqual([]);
    mark.resume();
    pass(4_000);
    expect(progress.overdue()).toEqual([]);
    pass(2_000);
    expect(progress.overdue()).toMatchObject([{ name: 'publisher' }]);
  });

  it('forgets a part that has ended, and refuses a name that is taken', () => {
    const mark = progress.part('device moulder', { maxSilenceMs: 5_000 });
    expect(() => progress.part('device moulder', { maxSilenceMs: 1 })).toThrow(
      "'device moulder' is registered twice",
    );
    mark.end();
    pass(10_000);
    expect(progress.overdue()).toEqual([]);
    progress.part('device moulder', { maxSilenceMs: 5_000 });
  });

  it('feeds no more after stop', () => {
    progress.start();
    progress.stop();
    progress.stop();
    pass(60_000);
    expect(fed).toEqual([0]);
  });
});
