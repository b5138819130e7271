import { Button } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { useAlarms } from '../../live/live-context.tsx';
import { FetchedList } from '../../ui/fetched-list.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
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

  const alarms = history.data?.pages.flatMap(({ items }) => items) ?? [];
  const unique = [...new Map(alarms.map((alarm) => [alarm.occurrence, alarm])).values()];
  return (
    <FetchedList query={history} failed="The alarm history cannot be read" rowHeight="4.5rem">
      {unique.length === 0 ? (
        <MessagePanel icon={<IconCircleCheck size="1.9rem" />} title="No alarms yet">
          Alarms appear here as soon as a gateway raises one.
        </MessagePanel>
      ) : (
        <AlarmTable alarms={unique} label="Alarm history" />
      )}
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
    </FetchedList>
  );
}
