import { expect, test } from 'vitest';
import { HeapThrift } from '../../../gateway/health/heap-thrift.ts';

test('the heap begins small, may grow after three calm seconds, and is kept small again at once', () => {
  let samples = 5_000_000;
  const flags: string[] = [];
  const thrift = new HeapThrift(
    () => samples,
    (flag) => flags.push(flag),
  );
  thrift.start();
  thrift.stop();
  expect(flags.splice(0)).toEqual(['--heap-growing-percent=5']);
  const second = (count: number) => {
    samples += count;
    thrift.look();
    return flags.splice(0);
  };
  expect([10_000, 49_999].flatMap(second)).toEqual([]);
  expect(second(60_000)).toEqual([]);
  expect([0, 0, 0, 10_000, 10_000].flatMap(second)).toEqual([]);
  expect(second(10_000)).toEqual(['--heap-growing-percent=0']);
  expect(second(10_000)).toEqual([]);
  expect(second(700_000)).toEqual(['--heap-growing-percent=5']);
});
