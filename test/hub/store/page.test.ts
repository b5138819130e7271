import { describe, expect, test } from 'vitest';
import { pageFrom, pageOfSorted, readCursor, type SortedList, writeCursor } from '../../../hub/store/page.ts';

const items = Array.from({ length: 25 }, (_, i) => ({ name: `tag-${String(i).padStart(2, '0')}`, id: i }));
const byName = (change: Partial<SortedList<(typeof items)[0]>> = {}): SortedList<(typeof items)[0]> => ({
  ...{ name: 'tags', items, keysOf: ({ name, id }) => [name, id] },
  ...change,
});

function walk(list: SortedList<(typeof items)[0]>, limit: number): number[][] {
  const pages: number[][] = [];
  let cursor: string | undefined;
  do {
    const page = pageOfSorted(list, { limit, cursor });
    pages.push(page.items.map(({ id }) => id));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return pages;
}

describe('pages of a list in memory', () => {
  test.each([1, 7, 24, 25, 26])('of %i items hold every item once, both ways, and end', (limit) => {
    const all = items.map(({ id }) => id);
    const up = walk(byName(), limit);
    expect(up.flat()).toEqual(all);
    expect(up).toHaveLength(Math.ceil(25 / limit));
    expect(walk(byName({ turned: true }), limit).flat()).toEqual(all.toReversed());
    const only = ({ id }: { id: number }) => id % 3 === 0;
    expect(walk(byName({ only }), limit).flat()).toEqual(all.filter((id) => id % 3 === 0));
  });

  test('go on behind an item that is gone, and pass nobody over who came meanwhile', () => {
    const { next } = pageOfSorted(byName(), { limit: 10 });
    const later = [...items.filter(({ id }) => id !== 9), { name: 'tag-095', id: 95 }].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    const { items: found } = pageOfSorted(byName({ items: later }), { limit: 2, cursor: next! });
    expect(found.map(({ id }) => id)).toEqual([95, 10]);
  });

  test('of nothing are one empty page', () => {
    expect(pageOfSorted(byName({ items: [] }), { limit: 5, cursor: 'left over' })).toEqual({ items: [], next: null });
  });
});

describe('a cursor', () => {
  test('comes back as it was given, and the last page has none', () => {
    const odd = [1_763_000_000_000, `a"b\n,'c`, 'ü😀'] as const;
    expect(readCursor('x', [0, '', ''], writeCursor('x', odd))).toEqual(odd);
    const page = pageFrom(
      ['a', 'b', 'c'],
      2,
      'x',
      (row) => [row],
      (row) => row.toUpperCase(),
    );
    expect(page.items).toEqual(['A', 'B']);
    expect(readCursor('x', [''], page.next!)).toEqual(['b']);
    expect(
      pageFrom(
        ['a', 'b'],
        2,
        'x',
        (row) => [row],
        (row) => row,
      ).next,
    ).toBeNull();
  });

  test.each<[what: string, text: string]>([
    ['of another list', writeCursor('y', [1, 'a'])],
    ['of another length', writeCursor('x', [1])],
    ['with a text where a number is', writeCursor('x', ['1', 'a'])],
    ['with a part of a number', writeCursor('x', [1.5, 'a'])],
    ['with a number beyond all', writeCursor('x', [1e300, 'a'])],
    ['with what no database takes', writeCursor('x', [1, 'a\0b'])],
    ['that is an object', Buffer.from('{"0":"x","length":3}').toString('base64url')],
    ['with an object in it', Buffer.from('["x",1,{"$gt":""}]').toString('base64url')],
    ['that is no JSON', 'nonsense'],
    ['that is SQL', "' or 1=1 --"],
    ['that is empty', ''],
  ])('%s is refused', (_what, text) => {
    expect(() => readCursor('x', [0, ''], text)).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }));
  });
});
