import { Button, Skeleton } from '@mantine/core';
import { IconCircleCheck, IconCloudOff } from '@tabler/icons-react';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { useAlarms } from '../../live/live-context.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import classes from './alarm-history.module.css';
import { AlarmTable } from './alarm-table.tsx';

/** All alarms that the hub has stored, newest first, a page at a time. */
export function AlarmHistory() {
  const active = useAlarms();
  const queries = useQueryClient();
  const history = useInfiniteQuery({
    queryKey: ['alarms'],
    queryFn: ({ pageParam, signal }) => hubApi.alarms(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  // What has changed in the live list has changed here too.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list itself is what it waits for
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: ['alarms'] });
  }, [active, queries]);

  if (history.isPending) {
    return (
      <div className={classes.loading} aria-busy="true">
        {[1, 2, 3].map((key) => (
          <Skeleton key={key} height="4.5rem" />
        ))}
      </div>
    );
  }
  if (history.isError) {
    return (
      <MessagePanel tone="error" icon={<IconCloudOff size="1.6rem" />} title="The alarm history cannot be read">
        <p>{history.error.message}</p>
        <Button variant="default" size="xs" mt="sm" onClick={() => void history.refetch()}>
          Try again
        </Button>
      </MessagePanel>
    );
  }
  const alarms = history.data.pages.flatMap(({ items }) => items);
  if (alarms.length === 0) {
    return (
      <MessagePanel icon={<IconCircleCheck size="1.9rem" />} title="No alarms yet">
        Alarms appear here as soon as a gateway raises one.
      </MessagePanel>
    );
  }
  const unique = [...new Map(alarms.map((alarm) => [alarm.occurrence, alarm])).values()];
  return (
    <>
      <AlarmTable alarms={unique} label="Alarm history" />
      {history.hasNextPage ? (
        <Button
          variant="subtle"
          m="sm"
          loading={history.isFetchingNextPage}
          onClick={() => void history.fetchNextPage()}
        >
          Older alarms
        </Button>
      ) : null}
    </>
  );
}
