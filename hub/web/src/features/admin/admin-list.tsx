import { Button, Skeleton } from '@mantine/core';
import { IconCloudOff } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { sentence } from '../../format/sentence.ts';
import { MessagePanel } from '../../ui/message-panel.tsx';
import classes from './admin.module.css';

/** A list until it has come, when it does not come, and when nothing is in it. */
export function AdminList(props: {
  label: string;
  query: { isPending: boolean; error: Error | null; refetch: () => unknown };
  empty: ReactNode;
  count: number;
  children: ReactNode;
}) {
  const { query } = props;
  if (query.isPending) {
    return (
      <div className={classes.loading} aria-busy="true">
        {[1, 2, 3].map((key) => (
          <Skeleton key={key} height="3rem" />
        ))}
      </div>
    );
  }
  if (query.error) {
    return (
      <MessagePanel tone="error" icon={<IconCloudOff size="1.6rem" />} title={`${props.label} cannot be shown`}>
        <p>{sentence(query.error.message)}</p>
        <Button variant="default" size="xs" mt="sm" onClick={() => void query.refetch()}>
          Try again
        </Button>
      </MessagePanel>
    );
  }
  if (props.count === 0) return props.empty;
  return (
    <ul className={classes.list} aria-label={props.label}>
      {props.children}
    </ul>
  );
}
