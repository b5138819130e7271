import { Button } from '@mantine/core';
import { IconPencil } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { hubApi } from '../../api/hub-api.ts';
import { FetchedList } from '../../ui/fetched-list.tsx';
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
  const items = log.data?.pages.flatMap((page) => page.items) ?? [];
  const unique = [...new Map(items.map((item) => [`${item.gateway} ${item.via} ${item.id}`, item]))];
  return (
    <FetchedList query={log} failed="The log cannot be read" rowHeight="3rem">
      {unique.length === 0 ? (
        <MessagePanel icon={<IconPencil size="1.6rem" />} title="Nothing has been set yet">
          Every attempt appears here, with who it was and what became of it.
        </MessagePanel>
      ) : (
        // biome-ignore-start lint/a11y/useSemanticElements: cards to the eye on a phone, a table to assistive technology
        // biome-ignore-start lint/a11y/useFocusableInteractive: the rows are for reading
        <div role="table" aria-label="Log of what was set" className={classes.table}>
          {unique.map(([key, item]) => (
            <WriteRow key={key} write={item} />
          ))}
        </div>
        // biome-ignore-end lint/a11y/useFocusableInteractive: the rows are for reading
        // biome-ignore-end lint/a11y/useSemanticElements: cards to the eye on a phone, a table to assistive technology
      )}
      {log.hasNextPage ? (
        <Button variant="subtle" m="sm" loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          Older ones
        </Button>
      ) : null}
    </FetchedList>
  );
}
