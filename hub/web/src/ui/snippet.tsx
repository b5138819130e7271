import { useRef } from 'react';
import { CopyButton } from './copy-button.tsx';
import classes from './snippet.module.css';

/** A text to take along, with what it is. */
export function Snippet({ name, text, hideName }: { name: string; text: string; hideName?: boolean }) {
  const shown = useRef<HTMLElement>(null);
  return (
    <div className={classes.root} data-bare={hideName || undefined}>
      {hideName ? null : <span>{name}</span>}
      <code ref={shown}>{text}</code>
      <CopyButton text={text} shown={shown} label={`Copy: ${name}`} />
    </div>
  );
}
