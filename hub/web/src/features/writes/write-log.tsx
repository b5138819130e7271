import { Button, Skeleton } from '@mantine/core';
import { IconCloudOff, IconPencil } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { hubApi } from '../../api/hub-api.ts';
import { MessagePanel } from '../../ui/message-panel.tsx';
import classes from './write-log.module.css';
import { WriteRow } from './write-row.tsx';

/** Who has set what, newest first, a page at a time; also what was refused. */
export function WriteLog() {
  const log = useInfiniteQuery({
    queryKey: ['writes'],
    queryFn: ({ pageParam, signal }) => hubApi.writes(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: 10_000,
  });
  if (log.isPending) {
    return (
      <div className={classes.loading} aria-busy="true">
        {[1, 2, 3].map((key) => (
          <Skeleton key={key} height="3rem" />
        ))}
      </div>
    );
  }
  if (log.isError) {
    return (
      <MessagePanel tone="error" icon={<IconCloudOff size="1.6rem" />} title="The log cannot be read">
        <p>{log.error.message}</p>
        <Button variant="default" size="xs" mt="sm" onClick={() => void log.refetch()}>
          Try again
        </Button>
      </MessagePanel>
    );
  }
  const items = log.data.pages.flatMap((page) => page.items);
  if (items.length === 0) {
    return (
      <MessagePanel icon={<IconPencil size="1.6rem" />} title="Nothing has been set yet">
        Every attempt appears here, with who it was and what became of it.
      </MessagePanel>
    );
  }
  const unique = [...new Map(items.map((item) => [`${item.gateway} ${item.via} ${item.id}`, item]))];
  return (
    <>
      {/* biome-ignore-start lint/a11y/useSemanticElements: cards to the eye on a phone, a table to assistive technology */}
      {/* biome-ignore-start lint/a11y/useFocusableInteractive: the rows are for reading */}
      <div role="table" aria-label="Log of what was set" className={classes.table}>
        {unique.map(([key, item]) => (
          <WriteRow key={key} write={item} />
        ))}
      </div>
      {/* biome-ignore-end lint/a11y/useFocusableInteractive: the rows are for reading */}
      {/* biome-ignore-end lint/a11y/useSemanticElements: cards to the eye on a phone, a table to assistive technology */}
      {log.hasNextPage ? (
        <Button variant="subtle" m="sm" loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          Older ones
        </Button>
      ) : null}
    </>
  );
}
