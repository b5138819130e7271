/** What happens at the limits: three ways to be full, an age, and clocks that are wrong. */
import { describe, expect, it, vi } from 'vitest';
import { AgeClock } from '../../../gateway/buffer/age-clock.ts';
import { Thinner } from '../../../gateway/buffer/thinner.ts';
import { tempDir } from '../../services/temp-dir.ts';
import { add, drain, dropsOf, openBuffer, storeLarge, TAGS, valuesOf } from './buffer-rig.ts';

const HOUR = 3_600_000;

function firstNumbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe('a full buffer', () => {
  it('with dropNewest keeps what it has, takes nothing more, and goes on when the hub has made room', async () => {
    const { buffer } = await openBuffer(await tempDir(), { maxMiB: 4, whenFull: 'dropNewest' });
    for (let i = 0; i < 30; i++) await storeLarge(buffer, i, 300_000);
    const kept = valuesOf(await drain(buffer));
    expect(kept).toEqual(firstNumbers(kept.length));
    expect(kept.length).toBeLessThan(20);
    expect(buffer.stats()).toMatchObject({ droppedSamples: 60 - kept.length * 2, fault: '' });
    await buffer.committed(buffer.newestSeq);
    await storeLarge(buffer, 99, 300_000);
    expect(valuesOf(await drain(buffer)).at(-1)).toBe(99);
  });

  it('with dropNewest tells how many samples it did not take', async () => {
    const dir = await tempDir();
    const { buffer } = await openBuffer(dir, { maxMiB: 4, whenFull: 'dropNewest' });
    for (let i = 0; i < 20; i++) await storeLarge(buffer, i, 300_000);
    const { droppedSamples } = buffer.stats();
    await buffer.close();
    const again = await openBuffer(dir, { maxMiB: 4, tags: [] });
    expect(await dropsOf(again.buffer)).toMatchObject([
      { reason: 'bufferFull', samples: droppedSamples, fromSeq: null, toSeq: null },
    ]);
  });

  it('with thin lets less in from three quarters on, and drops the oldest only at the limit', async () => {
    const { buffer, logged } = await openBuffer(await tempDir(), { maxMiB: 8, whenFull: 'thin', thinMs: 3_600_000 });
    let value = 0;
    while (!buffer.stats().thinning) await storeLarge(buffer, value++, 600_000);
    expect(buffer.stats().bytes).toBeGreaterThanOrEqual(6 * 1024 * 1024);
    const before = buffer.stats().durableSamples;
    for (let i = 0; i < 500; i++) add(buffer, 10_000 + i);
    await buffer.flush();
    expect(buffer.stats()).toMatchObject({ durableSamples: before + 1, droppedSamples: 499 });
    expect(logged.join()).toContain('samples are thinned');
    await buffer.committed(buffer.newestSeq);
    add(buffer, 20_000);
    await buffer.flush();
    expect(buffer.stats()).toMatchObject({ thinning: false, durableSamples: before + 2 });
    expect(await dropsOf(buffer)).toEqual([]);
  });
});

describe('thinning', () => {
  const frame = (tag: number, at: number, value: number | string | boolean, quality = 0) => ({
    ...{ device: 'press', receivedAt: at, tags: [tag], sourceAt: [at], values: [value], quality: [quality] },
  });

  it.each([
    ['numbers within the time', [frame(1, 0, 1), frame(1, 5, 2), frame(1, 9, 3), frame(1, 10, 4)], [1, 4]],
    ['each tag by itself', [frame(1, 0, 1), frame(2, 5, 'a'), frame(1, 6, 2)], [1, 'a']],
    ['no change of quality', [frame(1, 0, 1), frame(1, 1, 2, 0x8000_0000), frame(1, 2, 3, 0x8000_0000)], [1, 2]],
    [
      'no change of a state',
      [frame(2, 0, 'a'), frame(2, 1, 'b'), frame(2, 2, 'b'), frame(2, 3, true)],
      ['a', 'b', true],
    ],
    ['no tag after a clock that was set back', [frame(1, 100, 1), frame(1, 5, 2)], [1, 2]],
    ['nothing of the own tags', [frame(3, 0, 1), frame(3, 1, 0), frame(3, 2, 1)], [1, 0, 1]],
  ])('takes away %s', (_, frames, passed) => {
    const thinner = new Thinner(10);
    thinner.describeTags([
      ...TAGS,
      { id: 3, device: 'press', name: '$link', type: 'integer', unit: '', description: '' },
    ]);
    expect(frames.flatMap((given) => thinner.filter(given).values)).toEqual(passed);
  });

  it('keeps the other samples of a frame with their times and qualities', () => {
    const thinner = new Thinner(10);
    thinner.filter(frame(1, 0, 1));
    const { receivedAt, ...both } = {
      ...frame(1, 3, 2),
      tags: [1, 2],
      values: [2, 'x'],
      sourceAt: [3, 4],
      quality: [0, 7],
    };
    expect(thinner.filter({ receivedAt, ...both })).toEqual({
      ...{ device: 'press', receivedAt, tags: [2], sourceAt: [4], values: ['x'], quality: [7] },
    });
  });
});

describe('an age limit', () => {
  it('gives up what is older, and says so', async () => {
    let now = Date.now();
    const { buffer, logged } = await openBuffer(await tempDir(), { maxAgeHours: 10, now: () => now });
    // Steps below a minute are no setting of the clock.
    const pass = (ms: number) => {
      vi.spyOn(performance, 'now').mockReturnValue(performance.now() + ms);
      now += ms;
    };
    await storeLarge(buffer, 0, 300_000);
    pass(5 * HOUR);
    await storeLarge(buffer, 1, 300_000);
    pass(4 * HOUR);
    await storeLarge(buffer, 2, 300_000);
    await buffer.samples.dropOld();
    expect(valuesOf(await drain(buffer))).toEqual([0, 1, 2]);
    pass(11 * HOUR);
    await buffer.samples.dropOld();
    expect(valuesOf(await drain(buffer))).toEqual([2]);
    await buffer.flush();
    expect(await dropsOf(buffer)).toMatchObject([
      { reason: 'tooOld', samples: 2 },
      { reason: 'tooOld', samples: 2 },
    ]);
    expect(buffer.stats()).toMatchObject({ droppedSamples: 4, pendingSamples: 2 });
    expect(logged.join()).toContain('too old');
    vi.restoreAllMocks();
  });

  it.each([
    ['time that passes', [[HOUR, HOUR]], 0, HOUR],
    ['a clock that is set forward', [[HOUR, 1_000]], 0, 0],
    [
      'a clock that is set forward and then goes on',
      [
        [1e12, 1_000],
        [HOUR, HOUR],
      ],
      0,
      HOUR,
    ],
    ['what a clock wrote that was never set', [[HOUR, HOUR]], -56 * 365 * 24 * HOUR, HOUR],
    ['a clock that is set back', [[-HOUR, 1_000]], 0, 0],
  ])('knows the age by %s', (_, steps, writtenAt, age) => {
    const start = Date.UTC(2026, 5);
    let wall = start;
    let passed = 0;
    const ages = new AgeClock(
      () => wall,
      () => passed,
    );
    let found = 0;
    for (const [byWall, byTime] of steps) {
      wall += byWall!;
      passed += byTime!;
      found = ages.ageOf(start + writtenAt);
    }
    expect(found).toBe(age);
  });
});
