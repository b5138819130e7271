import type { ReactNode } from 'react';
import classes from './dialog-buttons.module.css';

/** The last line of a dialog: the way back first, what it is for last. */
export function DialogButtons({ children }: { children: ReactNode }) {
  return <div className={classes.root}>{children}</div>;
}
