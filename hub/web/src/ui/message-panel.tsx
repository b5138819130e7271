import type { ReactNode } from 'react';
import classes from './message-panel.module.css';

/** What stands where there is nothing to show: calm when that is good news, plain when it is an error. */
export function MessagePanel(props: {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  tone?: 'calm' | 'error';
}) {
  return (
    <div className={classes.root} data-tone={props.tone ?? 'calm'} role={props.tone === 'error' ? 'alert' : 'status'}>
      <span className={classes.icon} aria-hidden="true">
        {props.icon}
      </span>
      <p className={classes.title}>{props.title}</p>
      {props.children ? <div className={classes.text}>{props.children}</div> : null}
    </div>
  );
}
