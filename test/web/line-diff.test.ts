import { expect, test } from 'vitest';
import { lineDiff } from '../../hub/web/src/format/line-diff.ts';

const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');
/** As it is shown: each line with its sign and its numbers, and how many are folded. */
function shown(before: string, after: string): string[] {
  return lineDiff(before, after)!.parts.flatMap((part) => {
    if ('folded' in part) return [`(${part.folded.length})`];
    return part.lines.map((line) => {
      if (line.kind === 'same') return `  ${line.before} ${line.after} ${line.text}`;
      return line.kind === 'added' ? `+ ${line.after} ${line.text}` : `- ${line.before} ${line.text}`;
    });
  });
}

test('what goes and what comes stands between three lines that stay, and the rest is folded', () => {
  const before = lines(20);
  const after = before.replace('line 10\n', 'line ten\nand more\n');
  expect(shown(before, after)).toEqual([
    '(6)',
    '  7 7 line 7',
    '  8 8 line 8',
    '  9 9 line 9',
    '- 10 line 10',
    '+ 10 line ten',
    '+ 11 and more',
    '  11 12 line 11',
    '  12 13 line 12',
    '  13 14 line 13',
    '(7)',
  ]);
  expect(lineDiff(before, after)).toMatchObject({ added: 2, removed: 1 });
});

test('a few lines between two changes are not worth folding, and an empty line is a line', () => {
  const after = lines(12).replace('line 2\n', '').replace('line 11\n', 'line 11\n\n');
  expect(shown(lines(12), after).filter((line) => line.startsWith('('))).toEqual([]);
  expect(shown(lines(12), after)).toContain('+ 11 ');
});

test('another end of a line or of the text is no change', () => {
  expect(lineDiff('a: 1\nb: 2', 'a: 1\r\nb: 2\r\n')).toMatchObject({ added: 0, removed: 0 });
  expect(lineDiff('', '')).toMatchObject({ parts: [], added: 0, removed: 0 });
});

test('texts that have little in common are not compared for seconds', () => {
  const other = (word: string) => Array.from({ length: 20_000 }, (_, i) => `${word} ${i}`).join('\n');
  expect(lineDiff(other('a'), other('b'))).toBeNull();
});
