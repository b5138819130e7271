import { emptyFrame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { expect, test } from 'vitest';
import { LastValues } from '../../../gateway/tags/last-values.ts';

test('the newest sample of each tag, over many frames and within one', () => {
  const last = new LastValues();
  // Tag 2 comes in every tenth frame only, tag 3 once at the very beginning.
  for (let i = 0; i < 1_000; i++) {
    const frame = emptyFrame('press', i);
    pushSample(frame, 1, i, i, 0);
    pushSample(frame, 1, i + 0.5, i + 0.5, 0);
    if (i % 10 === 0) pushSample(frame, 2, i, -i, 0);
    if (i === 0) pushSample(frame, 3, i, 'first', 0);
    last.observe(frame);
    if (i % 77 === 0) expect(last.get('press', 1)?.value).toBe(i + 0.5);
  }
  expect(last.get('press', 1)).toEqual({ sourceAt: 999.5, value: 999.5, quality: 0 });
  expect(last.get('press', 2)).toEqual({ sourceAt: 990, value: -990, quality: 0 });
  expect(last.get('press', 3)).toEqual({ sourceAt: 0, value: 'first', quality: 0 });
  expect(last.get('press', 4)).toBeUndefined();
  expect(last.get('pump', 5)).toBeUndefined();
});
