import type { ComponentProps, ReactNode } from 'react';
import { FetchedList } from '../../ui/fetched-list.tsx';
import classes from './admin.module.css';

/** A list, and what stands in its place when nothing is in it. */
export function AdminList(props: {
  label: string;
  query: ComponentProps<typeof FetchedList>['query'];
  empty: ReactNode;
  count: number;
  children: ReactNode;
}) {
  return (
    <FetchedList query={props.query} failed={`${props.label} cannot be shown`} rowHeight="3rem">
      {props.count === 0 ? (
        props.empty
      ) : (
        <ul className={classes.list} aria-label={props.label}>
          {props.children}
        </ul>
      )}
    </FetchedList>
  );
}
