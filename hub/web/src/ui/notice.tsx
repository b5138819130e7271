import type { ReactNode } from 'react';
import classes from './notice.module.css';

/** A short message beside a form: what happened, and what to do. */
export function Notice(props: {
  tone: 'info' | 'warning' | 'error';
  icon: ReactNode;
  title?: string;
  children: ReactNode;
}) {
  return (
    <div className={classes.root} data-tone={props.tone} role={props.tone === 'info' ? 'status' : 'alert'}>
      <span aria-hidden="true">{props.icon}</span>
      <div>
        {props.title ? <strong>{props.title}</strong> : null}
        <p>{props.children}</p>
      </div>
    </div>
  );
}
