import { type ReactNode, useState } from 'react';
import classes from './show-more.module.css';

/**
 * The first of a long list, and a button that brings the next: hundreds of rows at once are slow on a phone, and nobody
 * reads them.
 *
 * @param step so many at once
 */
export function useFirst<T>(items: readonly T[], step: number): { first: readonly T[]; more: ReactNode } {
  const [most, setMost] = useState(step);
  if (items.length <= most) return { first: items, more: null };
  const more = (
    <button type="button" className={classes.more} onClick={() => setMost(most + step)}>
      Show more: {items.length - most} are left
    </button>
  );
  return { first: items.slice(0, most), more };
}
