import { expect, test, vi } from 'vitest';
import { BufferWatch } from '../../gateway/buffer-watch.ts';

const QUIET = { fault: '', droppedSamples: 0, droppedAlarms: 0, droppedByReason: {}, thinning: false };

test('the state of the buffer is said when it changes, and a drop for a minute', () => {
  const time = vi.spyOn(performance, 'now').mockReturnValue(1_000);
  const watch = BufferWatch.of([{ id: 'press' }])!;
  const said = (change: Partial<typeof QUIET> & { droppedByReason?: Record<string, number> }) =>
    watch.look(7, { ...QUIET, ...change }, 5)?.values[0];
  expect(said({})).toBe(0);
  expect(said({})).toBeUndefined();
  expect(said({ fault: 'no space' })).toBe(1);
  expect(said({ fault: 'no space', droppedSamples: 5 })).toBe(3);
  time.mockReturnValue(30_000);
  expect(said({ droppedSamples: 5 })).toBe(2);
  time.mockReturnValue(62_000);
  expect(said({ droppedSamples: 5 })).toBe(0);
  expect(said({ droppedSamples: 9, droppedByReason: { thinned: 4 }, thinning: true })).toBe(4);
  time.mockRestore();
});

test('its alarms watch one bit each of its tag', () => {
  const { tag, alarms } = BufferWatch.of([{ id: 'press' }, { id: 'oven' }])!;
  expect(alarms.map(({ id, bit, tag: watched }) => [id, bit, watched])).toEqual([
    ['lineside.buffer-fault', 0, `press/${tag.name}`],
    ['lineside.buffer-drops', 1, `press/${tag.name}`],
  ]);
  expect(BufferWatch.of([])).toBeNull();
});
