import type { Frame, Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { describe, expect, test } from 'vitest';
import { Conditioner } from '../../../gateway/tags/conditioner.ts';

type Sample = Value | [Value, number];

function frameOf(device: string, tags: number[], values: Value[], quality = tags.map(() => 0)): Frame {
  return { device, receivedAt: 1_000, tags, sourceAt: tags.map(() => 900), values, quality };
}

describe('scale and offset', () => {
  const conditioner = new Conditioner();
  conditioner.add('press', 1, { scale: 0.1, offset: -40 });
  conditioner.add('press', 2, { scale: 1, offset: 0 });
  conditioner.add('pump', 3, { scale: 1, offset: 0 });

  test('numbers become engineering values, anything else stays as it is', () => {
    const scaled = (value: Value) => conditioner.scale(frameOf('press', [1], [value])).values[0];
    expect(scaled(500)).toBe(10);
    expect(scaled(0)).toBe(-40);
    expect(scaled(Number.NaN)).toBeNaN();
    expect([scaled(true), scaled('500'), scaled(null)]).toEqual([true, '500', null]);
    expect(conditioner.scale(frameOf('press', [2], [500])).values).toEqual([500]);
  });

  test('the arrays that a driver shares between its frames are left alone', () => {
    const shared = Object.freeze([500, 7]) as number[];
    const frame = Object.freeze(frameOf('press', Object.freeze([1, 2]) as number[], shared));
    expect(conditioner.scale(frame).values).toEqual([10, 7]);
    expect(frame.values).toEqual([500, 7]);
  });

  test('a device without anything to scale costs no copy', () => {
    const frame = frameOf('pump', [3], [1]);
    expect(conditioner.scale(frame)).toBe(frame);
    expect(conditioner.filter(frame)).toBe(frame);
  });
});

describe('deadband', () => {
  /** Which of the samples are kept, one frame each. */
  function kept(deadband: number, samples: Sample[]): Sample[] {
    const conditioner = new Conditioner();
    conditioner.add('press', 1, { scale: 1, offset: 0, deadband });
    return samples.filter((sample) => {
      const [value, quality] = Array.isArray(sample) ? sample : [sample, Quality.Good];
      return conditioner.filter(frameOf('press', [1], [value], [quality])).tags.length > 0;
    });
  }
  const bad = Quality.BadNotConnected;

  test.each<[string, number, Sample[], Sample[]]>([
    ['the first sample is kept', 5, [10], [10]],
    ['a change must be more than the deadband', 5, [10, 15, 15.1, 11, 10], [10, 15.1, 10]],
    ['slow drift is measured from the last one kept', 1, [0, 0.6, 1.2, 1.8, 2.4], [0, 1.2, 2.4]],
    ['0 keeps every change and nothing else', 0, [1, 1, 1.001, 1.001], [1, 1.001]],
    ['quality turns bad and good again at the same value', 5, [10, [10, bad], 10], [10, [10, bad], 10]],
    ['bad without a value, repeated', 5, [10, [null, bad], [null, bad], 11], [10, [null, bad], 11]],
    [
      'another kind of bad',
      5,
      [
        [null, bad],
        [null, Quality.BadTimeout],
      ],
      [
        [null, bad],
        [null, Quality.BadTimeout],
      ],
    ],
    ['from good to uncertain', 5, [10, [10, Quality.Uncertain]], [10, [10, Quality.Uncertain]]],
    ['NaN once, and the way back', 5, [10, Number.NaN, Number.NaN, 10], [10, Number.NaN, 10]],
    ['infinity', 5, [10, Infinity, Infinity, -Infinity], [10, Infinity, -Infinity]],
    ['booleans', 5, [false, false, true, true, false], [false, true, false]],
    ['texts', 0, ['a', 'a', 'b'], ['a', 'b']],
    ['a number where a text was', 5, ['10', 10, 11], ['10', 10]],
  ])('%s', (_name, deadband, samples, expected) => expect(kept(deadband, samples)).toEqual(expected));

  test('takes out samples, not frames, and leaves the frame that came as it was', () => {
    const conditioner = new Conditioner();
    conditioner.add('press', 1, { scale: 1, offset: 0, deadband: 5 });
    conditioner.add('press', 2, { scale: 1, offset: 0 });
    conditioner.filter(frameOf('press', [1, 2], [10, 20]));
    const frame = frameOf('press', [1, 2], [11, 20]);
    expect(conditioner.filter(frame)).toEqual({ ...frameOf('press', [2], [20]) });
    expect(frame.tags).toEqual([1, 2]);
  });
});
