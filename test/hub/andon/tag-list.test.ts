import { beforeAll, describe, expect, test } from 'vitest';
import { AndonBoard } from '../../../hub/andon/board.ts';
import { globOf } from '../../../hub/andon/glob.ts';
import { type TagFilter, TagList } from '../../../hub/andon/tag-list.ts';
import { testMachine } from '../../services/hub-world.ts';

const PACKER = testMachine();
const PRESS = testMachine({ path: 'acme/other/area/line/press', name: 'Press', gateway: 'line-2', device: 'press' });

let list: TagList;
let board: AndonBoard;

beforeAll(() => {
  board = new AndonBoard({
    machines: [PACKER, PRESS],
    meaningOf: () => ({ name: 'Execute', category: 'producing' }),
    emptyOee: () => {
      throw new Error('nobody asks for it');
    },
    now: () => 0,
  });
  const tag = { unit: '', description: 'of it', type: 'float64' as const };
  const packer = { ...tag, gateway: 'line-1', device: 'packer' };
  const press = { ...tag, gateway: 'line-2', device: 'press' };
  board.catalog.add([
    { ...packer, id: 1, name: 'speed', writable: true },
    { ...packer, id: 2, name: 'Oil.Temperature' },
    { ...packer, id: 3, name: '$link', type: 'integer' },
    { ...press, id: 4, name: 'oil.pressure' },
    { ...press, id: 5, name: 'speed' },
    { ...press, id: 6, name: 'o\'dd "name"\n,=', type: 'string' },
    { ...tag, id: 7, gateway: 'json:mill', device: 'saw', name: 'blade' },
  ]);
  list = new TagList(board, [PACKER, PRESS]);
});

const everywhere = () => true;
const names = (filter: TagFilter & { sort?: string; limit?: number }, sees: (path: string) => boolean = everywhere) =>
  list.page({ sort: 'name', limit: 100, ...filter }, sees).items.map(({ id }) => id);

describe('the list of tags', () => {
  test.each<[what: string, filter: TagFilter & { sort?: string }, ids: number[]]>([
    ['all, by name in small letters, without the gateways’ own', {}, [7, 6, 4, 2, 1, 5]],
    ['from the end', { sort: '-name' }, [5, 1, 2, 4, 6, 7]],
    ['by id', { sort: 'id' }, [1, 2, 4, 5, 6, 7]],
    ['by machine, those of none first', { sort: 'machine' }, [7, 6, 4, 5, 2, 1]],
    ['of a machine', { machine: PRESS.path }, [6, 4, 5]],
    ['under a site', { under: 'acme/site' }, [2, 1]],
    ['under what only begins like a site', { under: 'acme/si' }, []],
    ['of a gateway', { gateway: 'json:mill' }, [7]],
    ['of a device', { device: 'packer' }, [2, 1]],
    ['of a type', { type: 'string' }, [6]],
    ['that may be set', { writable: true }, [1]],
    ['that may not', { writable: false, device: 'packer' }, [2]],
    ['by ids', { ids: new Set([5, 7, 99, 3]) }, [7, 5]],
    ['whose name begins so', { name: 'oil.*' }, [4, 2]],
    ['whose name has exactly so many letters', { name: 'spee?' }, [1, 5]],
    ['by an odd name', { name: 'o\'dd "name"\n,=' }, [6]],
  ])('gives those %s', (_what, filter, ids) => {
    expect(names(filter)).toEqual(ids);
  });

  test('goes page by page, and sees a tag that has come meanwhile', () => {
    const first = list.page({ sort: 'id', limit: 4 }, everywhere);
    board.catalog.add([
      { id: 8, gateway: 'line-2', device: 'press', name: 'new', unit: '', description: '', type: 'integer' },
    ]);
    const second = list.page({ sort: 'id', limit: 4, cursor: first.next! }, everywhere);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([1, 2, 4, 5, 6, 7, 8]);
    expect(() => list.page({ sort: 'name', limit: 4, cursor: first.next! }, everywhere)).toThrow(/cursor/);
  });

  test('has nothing of other sites, and nothing without a place, for whoever is limited', () => {
    const sees = (path: string) => path.startsWith('acme/site/');
    expect(names({}, sees)).toEqual([2, 1]);
    expect(list.one(4, sees)).toBeUndefined();
    expect(list.one(7, sees)).toBeUndefined();
    expect(list.one(1, sees)).toMatchObject({
      name: 'speed',
      label: 'Speed',
      machine: PACKER.path,
      description: 'of it',
    });
    expect(list.one(3, everywhere)).toBeUndefined();
  });
});

describe('a name with wildcards', () => {
  test.each<[pattern: string, name: string, fits: boolean]>([
    ['*', '', true],
    ['', 'a', false],
    ['a*b*c', 'aXbXbc', true],
    ['a*b*c', 'aXbXb', false],
    ['??', 'ü😀', true],
    ['.*', 'abc', false],
    ['[a]', '[A]', true],
  ])('%s against %s: %s', (pattern, name, fits) => {
    expect(globOf(pattern)(name)).toBe(fits);
  });

  test('takes no time for a pattern made to take long', () => {
    const begin = process.cpuUsage().user;
    expect(globOf(`${'*a'.repeat(90)}b`)('a'.repeat(200))).toBe(false);
    expect(process.cpuUsage().user - begin).toBeLessThan(1_000_000);
  });
});
