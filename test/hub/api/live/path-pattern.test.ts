import { expect, test } from 'vitest';
import { PathPattern } from '../../../../hub/api/live/path-pattern.ts';

const PACKER = 'acme/hamburg/packaging/line-1/packer';

test.each([
  ['**', [PACKER, `${PACKER}/speed`, 'acme'], []],
  ['acme/hamburg/**', [PACKER, 'acme/hamburg'], ['acme/hamburg-2/a', 'acme', 'acme/lyon/a']],
  [PACKER, [PACKER], [`${PACKER}/speed`, 'acme/hamburg/packaging/line-1']],
  [`${PACKER}/**`, [PACKER, `${PACKER}/oil/temperature`], ['acme/hamburg/packaging/line-1/packer2']],
  ['acme/*/packaging/*/packer', [PACKER], ['acme/hamburg/packaging/packer', `${PACKER}/x`]],
  ['**/pack*/speed', [`${PACKER}/speed`, 'packer/speed'], [`${PACKER}/oil/speed`, PACKER]],
  ['**/line-*/**/temperature', [`${PACKER}/oil/temperature`, 'line-1/temperature'], ['line/temperature']],
  ['*', ['acme'], [PACKER]],
  ['acme/*-*-*/x', ['acme/a-b-c/x', 'acme/--/x'], ['acme/a-b/x']],
])('%s', (text, meant, others) => {
  const pattern = PathPattern.parse(text)!;
  for (const path of meant) {
    expect([path, pattern.matches(path), pattern.reaches(path)]).toEqual([path, true, true]);
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      expect(pattern.reaches(path.slice(0, at)), path.slice(0, at)).toBe(true);
    }
  }
  for (const path of others) expect([path, pattern.matches(path)]).toEqual([path, false]);
});

test.each(['', '/acme', 'acme/', 'acme//x', 'acme/**x', '***', 'a/'.repeat(30)])('"%s" is none', (text) => {
  expect(PathPattern.parse(text)).toBeNull();
});

test('does not look below what it cannot reach', () => {
  expect(PathPattern.parse('acme/hamburg/**')!.reaches('acme/lyon/a/b/c')).toBe(false);
});

test('a pattern made to take long does not', () => {
  const pattern = PathPattern.parse(`${'**/a*a*a*a*a*a*a*a/'.repeat(11)}b`)!;
  const path = Array.from({ length: 24 }, () => 'a'.repeat(200)).join('/');
  const begin = process.cpuUsage();
  expect(pattern.matches(path)).toBe(false);
  const { user } = process.cpuUsage(begin);
  expect(user).toBeLessThan(1_000_000);
});
