import { expect, test, vi } from 'vitest';
import { LiveStore } from '../../../hub/web/src/live/live-store.ts';

function storeWithFrames() {
  const frames: (() => void)[] = [];
  const store = new LiveStore((flush) => frames.push(flush));
  const frame = () => {
    for (const flush of frames.splice(0)) flush();
  };
  return { store, frames, frame };
}

test('many values of one tag are one call a frame, and the newest is seen', () => {
  const { store, frames, frame } = storeWithFrames();
  const heard = vi.fn();
  store.subscribe(1, heard);
  for (let i = 0; i < 50; i++) store.put([[1, i, i * 2, 0]]);
  expect(heard).not.toHaveBeenCalled();
  expect(frames).toHaveLength(1);
  frame();
  expect(heard).toHaveBeenCalledTimes(1);
  expect(store.get(1)).toEqual({ at: 49, value: 98, quality: 0 });
});

test('only the listeners of a tag that changed are called', () => {
  const { store, frame } = storeWithFrames();
  const one = vi.fn();
  const two = vi.fn();
  store.subscribe(1, one);
  const leave = store.subscribe(2, two);
  store.put([[2, 1, 5, 0]]);
  frame();
  expect(one).not.toHaveBeenCalled();
  expect(two).toHaveBeenCalledTimes(1);
  leave();
  store.put([[2, 2, 6, 0]]);
  frame();
  expect(two).toHaveBeenCalledTimes(1);
});

test('a late value does not take the place of a newer one, and a repeated one keeps its identity', () => {
  const { store, frames, frame } = storeWithFrames();
  store.put([[1, 100, 7, 0]]);
  frame();
  const known = store.get(1);
  store.put([[1, 50, 3, 0]]);
  store.seed(1, { at: 100, value: 7, quality: 0 });
  expect(store.get(1)).toBe(known);
  expect(frames).toHaveLength(0);
});

test('the same time with another quality is news: a sensor that breaks keeps its last value', () => {
  const { store } = storeWithFrames();
  store.put([[1, 100, 7, 0]]);
  store.put([[1, 100, 7, 0x808c_0000]]);
  expect(store.get(1)?.quality).toBe(0x808c_0000);
});

test('a tap gets every value at once; a seed, which may be old, it does not', () => {
  const { store } = storeWithFrames();
  const tapped: number[] = [];
  const leave = store.tap((values) => tapped.push(...values.map(([, at]) => at)));
  store.put([
    [1, 1, 1, 0],
    [1, 2, 2, 0],
  ]);
  store.seed(1, { at: 9, value: 9, quality: 0 });
  leave();
  store.put([[1, 10, 1, 0]]);
  expect(tapped).toEqual([1, 2]);
});
