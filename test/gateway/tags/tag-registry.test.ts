import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ValueType } from '@lineside/shared/contracts/frame.ts';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { linkTag, type TagDescription, TagRegistry } from '../../../gateway/tags/tag-registry.ts';
import { tempDir } from '../../services/temp-dir.ts';

const EPOCH = 'a'.repeat(32);
const log = pino({ level: 'silent' });

function tag(name: string, type: ValueType = 'float64', device = 'press'): TagDescription {
  return { device, name, type, unit: '', description: '' };
}

/** A gateway's start: what is numbered, by name. */
async function start(dir: string, tags: TagDescription[], epoch = EPOCH, fresh = false) {
  const numbered = await new TagRegistry(dir, log).assign(epoch, fresh, tags);
  return Object.fromEntries(numbered.map(({ device, name, id }) => [`${device}/${name}`, id]));
}

describe('numbers', () => {
  test('begin at 1 in a fresh epoch and stay over restarts, whatever the order', async () => {
    const dir = await tempDir();
    const first = await start(dir, [linkTag('press'), tag('a'), tag('b')], EPOCH, true);
    expect(first).toEqual({ 'press/$link': 1, 'press/a': 2, 'press/b': 3 });
    expect(await start(dir, [tag('b'), tag('a'), linkTag('press')])).toEqual(first);
  });

  test('of a tag that was taken out are not given to another, and are its own when it comes back', async () => {
    const dir = await tempDir();
    await start(dir, [tag('a'), tag('b')], EPOCH, true);
    expect(await start(dir, [tag('a'), tag('c')])).toEqual({ 'press/a': 1, 'press/c': 3 });
    expect(await start(dir, [tag('b'), tag('a', 'float64', 'pump')])).toEqual({ 'press/b': 2, 'pump/a': 4 });
  });

  test('stay when the buffer begins another epoch under the running tags, also over the next start', async () => {
    const dir = await tempDir();
    const registry = new TagRegistry(dir, log);
    await registry.assign(EPOCH, true, [tag('a'), tag('b')]);
    const [b] = await registry.assign(EPOCH, false, [tag('b')]);
    const other = 'b'.repeat(32);
    await rm(dir, { recursive: true });
    await mkdir(dir);
    await registry.moveTo(other);
    expect(await registry.assign(other, false, [tag('b')])).toEqual([b]);
    expect(await start(dir, [tag('c'), tag('b')], other)).toEqual({ 'press/b': 2, 'press/c': 3 });
  });

  test('a tag with another type is another tag', async () => {
    const dir = await tempDir();
    await start(dir, [tag('a', 'integer')], EPOCH, true);
    expect(await start(dir, [tag('a', 'float64')])).toEqual({ 'press/a': 2 });
    expect(await start(dir, [tag('a', 'integer')])).toEqual({ 'press/a': 1 });
  });

  test('begin anew with a new epoch', async () => {
    const dir = await tempDir();
    await start(dir, [tag('a'), tag('b')], EPOCH, true);
    expect(await start(dir, [tag('b')], 'b'.repeat(32), true)).toEqual({ 'press/b': 1 });
  });
});

describe('the file', () => {
  test('has the numbers before they are used, and no half-written one is left', async () => {
    const dir = await tempDir();
    await start(dir, [tag('a')], EPOCH, true);
    const { next, ids } = JSON.parse(await readFile(join(dir, 'tags.json'), 'utf8'));
    expect({ next, ids }).toEqual({ next: 2, ids: { 'press/a:float64': 1 } });
    expect(await readdir(dir)).toEqual(['tags.json']);
  });

  test('lost while records are under way: no number that these speak of is given again', async () => {
    const { 'press/a': id } = await start(await tempDir(), [tag('a')]);
    expect(id).toBeGreaterThan(50_000_000);
    expect(id).toBeLessThan(2 ** 31);
  });

  test.each([
    ['cut off', '{"epoch":"'],
    ['of nulls', '\0\0\0\0'],
    ['empty', ''],
    ['null', 'null'],
    ['without ids', JSON.stringify({ epoch: EPOCH, next: 5, ids: null })],
    [
      'with one number twice',
      JSON.stringify({ epoch: EPOCH, next: 5, ids: { 'press/a:float64': 1, 'x/y:integer': 1 } }),
    ],
    ['whose next number is taken', JSON.stringify({ epoch: EPOCH, next: 1, ids: { 'press/a:float64': 1 } })],
  ])('%s is set aside, and new numbers are given beyond all old ones', async (_name, content) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'tags.json'), content);
    const { 'press/a': id } = await start(dir, [tag('a')]);
    expect(id).toBeGreaterThan(50_000_000);
    expect(await readFile(join(dir, 'tags.json.damaged'), 'utf8')).toBe(content);
    expect(await start(dir, [tag('a')])).toEqual({ 'press/a': id });
  });

  test('that cannot be written keeps the gateway from using the numbers', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'tags.json.new'));
    await expect(start(dir, [tag('a')], EPOCH, true)).rejects.toThrow('EISDIR');
  });
});
