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

  test('frames that share their tags are scaled alike each time, also when a tag is added between them', () => {
    const own = new Conditioner();
    own.add('press', 1, { scale: 2, offset: 0 });
    const frame = frameOf('press', [1, 2], [10, 10]);
    for (let poll = 0; poll < 4; poll++) expect(own.scale(frame).values).toEqual([20, 10]);
    expect(own.scale(frameOf('press', [2, 1], [10, 10])).values).toEqual([10, 20]);
    own.add('press', 2, { scale: 3, offset: 0 });
    for (let poll = 0; poll < 4; poll++) expect(own.scale(frame).values).toEqual([20, 30]);
  });

  test('a device without anything to scale costs no copy', () => {
    const frame = frameOf('pump', [3], [1]);
    expect(conditioner.scale(frame)).toBe(frame);
    expect(conditioner.filter(frame)).toBe(frame);
  });
});

describe('a straight line by two points', () => {
  function onLine(linear: { rawLow: number; rawHigh: number; low: number; high: number }, raw: Value): Value {
    const conditioner = new Conditioner();
    conditioner.add('press', 1, { scale: 1, offset: 0, linear });
    return conditioner.scale(frameOf('press', [1], [raw])).values[0]!;
  }

  test('both points come out exactly, and it goes on beyond them', () => {
    const analog = { rawLow: 0, rawHigh: 27648, low: -50, high: 150 };
    expect([0, 27648, 13824].map((raw) => onLine(analog, raw))).toEqual([-50, 150, 50]);
    expect(onLine(analog, 32767)).toBeCloseTo(187.03, 2);
    expect(onLine(analog, -4864)).toBeCloseTo(-85.19, 2);
    const odd = { rawLow: 819, rawHigh: 4095, low: 0.1, high: 0.7 };
    expect([819, 4095].map((raw) => onLine(odd, raw))).toEqual([0.1, 0.7]);
  });

  test('it may fall', () => {
    const falling = { rawLow: 4, rawHigh: 20, low: 100, high: 0 };
    expect([4, 12, 20].map((raw) => onLine(falling, raw))).toEqual([100, 50, 0]);
  });

  test('what is no number stays as it is', () => {
    const line = { rawLow: 0, rawHigh: 1, low: 0, high: 10 };
    expect([true, 'x', null].map((raw) => onLine(line, raw))).toEqual([true, 'x', null]);
  });
});

describe('names for numbers', () => {
  const conditioner = new Conditioner();
  const names = { 0: 'Stopped', 1: 'Running', '-1': 'Fault' };
  conditioner.add('press', 1, { scale: 1, offset: 0, enum: names });
  conditioner.add('press', 2, { scale: 10, offset: 0 });
  const named = (value: Value, quality: number = Quality.Good) => {
    const { values, quality: after } = conditioner.scale(
      frameOf('press', [1, 2], [value, 1], [quality, Quality.Good]),
    );
    expect([values[1], after[1]]).toEqual([10, Quality.Good]);
    return [values[0], after[0]];
  };

  test('a number becomes its name, a bit that of 0 or 1', () => {
    expect([0, 1, -1].map((value) => named(value)[0])).toEqual(['Stopped', 'Running', 'Fault']);
    expect(named(true)).toEqual(['Running', Quality.Good]);
    expect(named(false)).toEqual(['Stopped', Quality.Good]);
  });

  test('a number without a name is its digits and Uncertain, and never another name', () => {
    expect(named(7)).toEqual(['7', Quality.Uncertain]);
    expect(named(0.5)).toEqual(['0.5', Quality.Uncertain]);
    expect(named(7, Quality.UncertainLastUsableValue)).toEqual(['7', Quality.UncertainLastUsableValue]);
  });

  test('Bad stays without a value', () => {
    expect(named(null, Quality.BadTimeout)).toEqual([null, Quality.BadTimeout]);
  });

  test('the arrays that a driver shares between its frames are left alone', () => {
    const shared = Object.freeze([7, 1]) as number[];
    const quality = Object.freeze([0, 0]) as number[];
    conditioner.scale(Object.freeze(frameOf('press', [1, 2], shared, quality)));
    expect([shared, quality]).toEqual([
      [7, 1],
      [0, 0],
    ]);
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
