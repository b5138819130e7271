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
  expect(values.get(1)).toEqual({ sourceAt: 4, value: 12, quality: 0 });
  expect(values.get(3)).toEqual({ sourceAt: 2, value: 30, quality: 0 });
  values.observe(frame(5, [[2, 25]]));
  expect(values.get(2)).toEqual({ sourceAt: 5, value: 25, quality: 0 });
  expect(values.get(1)?.value).toBe(12);
  expect(values.get(4)).toBeUndefined();
});

test('of a tag that is twice in one frame, the later sample is the newest', () => {
  const values = new LastValues();
  values.observe(
    frame(1, [
      [1, 10],
      [1, 11],
    ]),
  );
  expect(values.get(1)?.value).toBe(11);
});

test('keeps the values of more frames than it remembers', () => {
  const values = new LastValues();
  for (let tag = 1; tag <= 200; tag++) values.observe(frame(tag, [[tag, tag]]));
  expect(values.get(1)?.value).toBe(1);
  expect(values.get(200)?.value).toBe(200);
});
