import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { paced } from '../../../hub/web/src/live/paced.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is new after a pause is shown with the next frame, what follows at the pace', async () => {
  const schedule = paced(250, (work) => setTimeout(work, 16));
  const shownAt: number[] = [];
  const begun = performance.now();
  const show = () => {
    shownAt.push(performance.now() - begun);
    // Something changes all the time.
    if (shownAt.length < 4) schedule(show);
  };
  schedule(show);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(shownAt).toEqual([16, 282, 548, 814]);
  schedule(show);
  await vi.advanceTimersByTimeAsync(16);
  expect(shownAt.at(-1)).toBe(2_016);
});
