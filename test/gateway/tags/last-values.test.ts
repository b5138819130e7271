import { emptyFrame, type Frame, pushSample } from '@lineside/shared/contracts/frame.ts';
import { expect, test } from 'vitest';
import { LastValues } from '../../../gateway/tags/last-values.ts';

function frame(at: number, samples: [tag: number, value: number][]): Frame {
  const made = emptyFrame('press', at);
  for (const [tag, value] of samples) pushSample(made, tag, at, value, 0);
  return made;
}

test('tells the newest of each tag, whichever frames it came in', () => {
  const values = new LastValues();
  const poll = frame(1, [
    [1, 10],
    [2, 20],
  ]);
  values.observe(poll);
  values.observe(frame(2, [[3, 30]]));
  values.observe({ ...poll, sourceAt: [3, 3], values: [11, 21] });
  values.observe({ ...poll, sourceAt: [4, 4], values: [12, 22] });
  expect(values.get('press', 1)).toEqual({ sourceAt: 4, value: 12, quality: 0 });
  expect(values.get('press', 3)).toEqual({ sourceAt: 2, value: 30, quality: 0 });
  values.observe(frame(5, [[2, 25]]));
  expect(values.get('press', 2)).toEqual({ sourceAt: 5, value: 25, quality: 0 });
  expect(values.get('press', 1)?.value).toBe(12);
  expect(values.get('press', 4)).toBeUndefined();
});

test('of a tag that is twice in one frame, the later sample is the newest', () => {
  const values = new LastValues();
  values.observe(
    frame(1, [
      [1, 10],
      [1, 11],
    ]),
  );
  expect(values.get('press', 1)?.value).toBe(11);
});

test('keeps the values of more frames than it remembers', () => {
  const values = new LastValues();
  for (let tag = 1; tag <= 200; tag++) values.observe(frame(tag, [[tag, tag]]));
  expect(values.get('press', 1)?.value).toBe(1);
  expect(values.get('press', 200)?.value).toBe(200);
});

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
