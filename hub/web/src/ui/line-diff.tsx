import { IconArrowsDiff } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { type DiffLine, lineDiff } from '../format/line-diff.ts';
import classes from './line-diff.module.css';

/** What changes from one text to another, line by line: by colour and by sign, and what stays as it is folded away. */
export function LineDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const diff = useMemo(() => lineDiff(before, after), [before, after]);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  if (!diff) return <p className={classes.none}>The two have so little in common that lines say nothing.</p>;
  if (diff.added + diff.removed === 0) return <p className={classes.none}>No line changes.</p>;
  return (
    <section className={classes.root} aria-label={label}>
      <header>
        <IconArrowsDiff size="1.1rem" aria-hidden="true" />
        {label}
        <span>
          <b data-kind="added">+{diff.added}</b> <b data-kind="removed">−{diff.removed}</b>
        </span>
      </header>
      <div className={classes.lines}>
        {diff.parts.map((part) => {
          const lines = 'lines' in part ? part.lines : part.folded;
          const first = lines[0]!;
          const key = `${first.kind} ${'before' in first ? first.before : first.after}`;
          const id = 'before' in first ? first.before : -first.after;
          if ('lines' in part || open.has(id)) return <Lines key={key} lines={lines} />;
          return (
            <button key={key} type="button" onClick={() => setOpen(new Set([...open, id]))}>
              {lines.length} lines stay as they are
            </button>
          );
        })}
      </div>
    </section>
  );
}

const SIGNS = { same: '', removed: '−', added: '+' };

function Lines({ lines }: { lines: readonly DiffLine[] }) {
  return lines.map((line) => {
    const Text = line.kind === 'added' ? 'ins' : line.kind === 'removed' ? 'del' : 'span';
    const [before, after] = ['before' in line ? line.before : '', 'after' in line ? line.after : ''];
    return (
      <div key={`${before} ${after}`} data-kind={line.kind}>
        <i>{before}</i>
        <i>{after}</i>
        <b aria-hidden="true">{SIGNS[line.kind]}</b>
        <Text>{line.text}</Text>
      </div>
    );
  });
}
