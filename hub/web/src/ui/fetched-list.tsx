import { Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { FailedPanel } from './failed-panel.tsx';
import classes from './fetched-list.module.css';

/** A list; outlines of its rows until it has come, and why it does not come. */
export function FetchedList(props: {
  query: { isPending: boolean; error: Error | null; refetch: () => unknown };
  /** Title when it does not come. */
  failed: string;
  rowHeight: string;
  children: ReactNode;
}) {
  const { query } = props;
  if (query.isPending) {
    return (
      <div className={classes.loading} aria-busy="true">
        {[1, 2, 3].map((key) => (
          <Skeleton key={key} height={props.rowHeight} />
        ))}
      </div>
    );
  }
  if (query.error) return <FailedPanel title={props.failed} error={query.error} onRetry={query.refetch} />;
  return props.children;
}
