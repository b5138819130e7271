import type { LiveValue } from '@lineside/shared/contracts/api.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { AndonBoard } from '../../../hub/andon/board.ts';
import { columns } from '../../services/samples.ts';

describe('live values of the board', () => {
  let board: AndonBoard;
  let told: LiveValue[][];

  beforeEach(() => {
    board = new AndonBoard({
      machines: [],
      meaningOf: () => ({ name: 'Execute', category: 'producing' }),
      emptyOee: () => {
        throw new Error('no machines here');
      },
      now: () => 0,
    });
    told = [];
    board.on('values', (values) => told.push(values.map((value) => [...value])));
  });

  const arrive = (...samples: LiveValue[]) => board.observe(columns(...samples));

  test('are kept for every tag and told for the watched ones', () => {
    board.watched.add([2]);
    arrive([1, 10, 1.5, 0], [2, 10, true, 0]);
    expect(board.last(1)).toEqual([1, 10, 1.5, 0]);
    expect(told).toEqual([[[2, 10, true, 0]]]);
    arrive([1, 20, 2.5, 0]);
    expect(told).toHaveLength(1);
    expect(board.last(1)).toEqual([1, 20, 2.5, 0]);
  });

  test('an older sample than is known changes nothing, one of the same time does', () => {
    board.watched.add([1]);
    arrive([1, 20, 'new', 0], [1, 10, 'old', 0]);
    expect(told).toEqual([[[1, 20, 'new', 0]]]);
    arrive([1, 20, 'corrected', 0x8000_0000]);
    expect(board.last(1)).toEqual([1, 20, 'corrected', 0x8000_0000]);
  });

  test('are told until the last of those who watch has gone', () => {
    board.watched.add([1]);
    board.watched.add([1, 2]);
    board.watched.remove([1]);
    arrive([1, 1, 1, 0]);
    board.watched.remove([1, 2]);
    board.watched.remove([2]);
    arrive([1, 2, 2, 0], [2, 2, 2, 0]);
    expect(told).toEqual([[[1, 1, 1, 0]]]);
  });
});
