import { type ReactNode, useId } from 'react';
import classes from './panel.module.css';

/** A titled part of the page. */
export function Panel(props: { title: string; aside?: ReactNode; children: ReactNode; className?: string }) {
  const title = useId();
  return (
    <section className={`${classes.root} ${props.className ?? ''}`} aria-labelledby={title}>
      <header className={classes.head}>
        <h2 id={title} className={classes.title}>
          {props.title}
        </h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}
