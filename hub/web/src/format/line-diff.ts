import { diffLines } from 'diff';

/** One line of two texts laid side by side; its number in each, counted from 1. */
export type DiffLine =
  | { kind: 'same'; before: number; after: number; text: string }
  | { kind: 'removed'; before: number; text: string }
  | { kind: 'added'; after: number; text: string };

/** Lines to show, or how many of those that are as they were are folded away. */
type DiffPart = { lines: DiffLine[] } | { folded: DiffLine[] };

interface LineDiff {
  parts: DiffPart[];
  added: number;
  removed: number;
}

/** Lines beside a change that stay in view, and from how many on folding is worth it. */
const CONTEXT = 3;
const LEAST_FOLDED = 4;
/** Texts that have more changes than this have little in common, and comparing them takes seconds. */
const MOST_EDITS = 2_000;

/** What makes one text out of the other, line by line; null when they have little in common. */
export function lineDiff(before: string, after: string): LineDiff | null {
  const changes = diffLines(whole(before), whole(after), { maxEditLength: MOST_EDITS });
  if (!changes) return null;
  const lines: DiffLine[] = [];
  let [old, now] = [1, 1];
  for (const { added, removed, value } of changes) {
    for (const text of value.split('\n').slice(0, -1)) {
      if (added) lines.push({ kind: 'added', after: now++, text });
      else if (removed) lines.push({ kind: 'removed', before: old++, text });
      else lines.push({ kind: 'same', before: old++, after: now++, text });
    }
  }
  const count = (kind: DiffLine['kind']) => lines.filter((line) => line.kind === kind).length;
  return { parts: folded(lines), added: count('added'), removed: count('removed') };
}

/** A last line without its end is the same line. */
function whole(text: string): string {
  const plain = text.replaceAll('\r\n', '\n');
  return plain === '' || plain.endsWith('\n') ? plain : `${plain}\n`;
}

function folded(lines: readonly DiffLine[]): DiffPart[] {
  const near = new Set<number>();
  lines.forEach(({ kind }, at) => {
    if (kind === 'same') return;
    for (let i = at - CONTEXT; i <= at + CONTEXT; i++) near.add(i);
  });
  const parts: DiffPart[] = [];
  for (let at = 0; at < lines.length; ) {
    const shown = near.has(at);
    let end = at;
    while (end < lines.length && near.has(end) === shown) end++;
    const some = lines.slice(at, end);
    const last = parts.at(-1);
    if (shown || some.length < LEAST_FOLDED) {
      if (last && 'lines' in last) last.lines.push(...some);
      else parts.push({ lines: some });
    } else parts.push({ folded: some });
    at = end;
  }
  return parts;
}
