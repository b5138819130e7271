import { expect, test } from 'vitest';
import { SharedReads } from '../../../hub/store/shared-reads.ts';

function rig(most = 10) {
  const clock = { now: 1_000 };
  const reads = new SharedReads<number>({ lifeMs: 1_000, most, now: () => clock.now });
  let count = 0;
  const get = (key = 'a') => reads.get(key, async () => ++count);
  return { clock, reads, get };
}

test('who asks at the same time or a moment later gets the same, and who asks after that something new', async () => {
  const { clock, get } = rig();
  expect(await Promise.all([get(), get(), get('b')])).toEqual([1, 1, 2]);
  clock.now += 999;
  expect(await get()).toBe(1);
  clock.now += 1;
  expect(await get()).toBe(3);
  // The clock is put back by hours.
  clock.now -= 7_200_000;
  expect(await get()).toBe(4);
});

test('after a change nobody gets what was read before it, nor what is still being read', async () => {
  const { reads, get } = rig();
  let finish = (_value: number) => {};
  const old = reads.get('a', () => new Promise((resolve) => (finish = resolve)));
  reads.forget('a');
  const fresh = get();
  finish(77);
  expect(await old).toBe(77);
  expect([await fresh, await get()]).toEqual([1, 1]);
  reads.forget();
  expect(await get()).toBe(2);
});

test('a failure is not kept, one that comes late throws out nobody else’s answer, and answers are bounded', async () => {
  const { reads, get } = rig(3);
  let fail = (_error: Error) => {};
  const failing = reads.get('a', () => new Promise((_resolve, reject) => (fail = reject)));
  const outcome = expect(failing).rejects.toThrow('gone');
  reads.forget();
  await get();
  fail(new Error('gone'));
  await outcome;
  expect(await get()).toBe(1);
  for (const key of ['b', 'c', 'd', 'e']) await get(key);
  expect(reads.size).toBe(3);
  expect(await get()).toBe(6);
});
