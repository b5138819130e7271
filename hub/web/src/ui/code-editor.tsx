import { type RefObject, useState } from 'react';
import classes from './code-editor.module.css';

/** Of one line, as in the style sheet. rem. */
const LINE_REM = 1.25;

/** Plain text with line numbers; lines in question are marked. */
export function CodeEditor(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Counted from 1. */
  marks: readonly number[];
  readOnly?: boolean;
  area: RefObject<HTMLTextAreaElement | null>;
}) {
  const { label, value, onChange, marks, area } = props;
  const [top, setTop] = useState(0);
  const count = value.split('\n').length;
  return (
    <div className={classes.root}>
      <div className={classes.gutter} aria-hidden="true">
        <div style={{ transform: `translateY(${-top}px)` }}>
          {[...new Set(marks)].map((line) => (
            <i key={line} style={{ top: `${(line - 1) * LINE_REM}rem` }} />
          ))}
          <pre>{Array.from({ length: count }, (_, index) => index + 1).join('\n')}</pre>
        </div>
      </div>
      <textarea
        ref={area}
        aria-label={label}
        value={value}
        readOnly={props.readOnly}
        spellCheck={false}
        autoCapitalize="none"
        autoComplete="off"
        wrap="off"
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
        onScroll={({ currentTarget }) => setTop(currentTarget.scrollTop)}
      />
    </div>
  );
}

/** Selects a line, counted from 1, and brings it into view. */
export function showLine(area: HTMLTextAreaElement | null, line: number): void {
  if (!area) return;
  const lines = area.value.split('\n');
  const from = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  area.focus();
  area.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  const height = Number.parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTo({ top: Math.max(0, (line - 4) * height), left: 0 });
}
