import { expect, test } from 'vitest';
import { SendWindow } from '../../../gateway/publisher/send-window.ts';

test('is full at 64 records, or at 8 MiB of few large ones', () => {
  const small = new SendWindow();
  for (let seq = 1; seq <= 64; seq++) {
    expect(small.full).toBe(false);
    small.sent(seq, 100);
  }
  expect(small.full).toBe(true);

  const large = new SendWindow();
  for (let seq = 1; seq <= 4; seq++) large.sent(seq, 2 * 1024 * 1024);
  expect(large.full).toBe(true);
  large.committed(1);
  expect(large.full).toBe(false);
});

test('committed answers are news once; sending goes on behind them, also behind what was never sent', () => {
  const window = new SendWindow();
  for (const seq of [1, 2, 5]) window.sent(seq, 1);
  expect([window.committed(2), window.committed(2), window.committed(1)]).toEqual([true, false, false]);
  expect({ next: window.nextSeq, empty: window.empty }).toEqual({ next: 6, empty: false });
  expect(window.committed(9)).toBe(true);
  expect({ next: window.nextSeq, empty: window.empty }).toEqual({ next: 10, empty: true });
});

test('a rewind takes what was in flight for lost', () => {
  const window = new SendWindow();
  for (const seq of [1, 2, 3]) window.sent(seq, 4 * 1024 * 1024);
  window.rewind(1);
  expect({ next: window.nextSeq, empty: window.empty, full: window.full }).toEqual({
    next: 2,
    empty: true,
    full: false,
  });
});
