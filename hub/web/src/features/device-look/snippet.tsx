import { useRef } from 'react';
import { CopyButton } from '../../ui/copy-button.tsx';
import classes from './device-look.module.css';

/** A text to take along, with what it is. */
export function Snippet({ name, text }: { name: string; text: string }) {
  const shown = useRef<HTMLElement>(null);
  return (
    <div className={classes.snippet}>
      <span>{name}</span>
      <code ref={shown}>{text}</code>
      <CopyButton text={text} shown={shown} label={`Copy: ${name}`} />
    </div>
  );
}
