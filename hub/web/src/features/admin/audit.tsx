import { Autocomplete, Button, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconFilterOff, IconHistory } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type AuditFilter, adminApi } from '../../api/admin-api.ts';
import { ACTION_NAMES } from '../../format/audit-words.ts';
import { dayAfter, startOf } from '../../format/day.ts';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { Panel } from '../../ui/panel.tsx';
import classes from './admin.module.css';
import { AdminList } from './admin-list.tsx';
import { AuditRow } from './audit-row.tsx';

/** What is typed; the days as 2026-11-22, in the reader's zone. */
interface Typed {
  actor: string;
  action: string;
  target: string;
  from: string;
  through: string;
}

const NOTHING: Typed = { actor: '', action: '', target: '', from: '', through: '' };
/** Typing is over. Milliseconds. */
const TYPED_MS = 300;

/** Who changed what, newest first. */
export function Audit() {
  const [typed, setTyped] = useState(NOTHING);
  const [settled] = useDebouncedValue(typed, TYPED_MS);
  const filter = filterOf(settled);
  const log = useInfiniteQuery({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam, signal }) => adminApi.audit(filter, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? undefined,
    // Coming back to the page shows what has been done meanwhile.
    staleTime: 0,
  });
  const items = log.data?.pages.flatMap((page) => page.items) ?? [];
  const named = (part: 'actor' | 'action' | 'target') =>
    [...new Set(items.map((item) => item[part]))].filter(Boolean);
  const set = (part: keyof Typed) => (value: string) => setTyped((now) => ({ ...now, [part]: value }));
  const narrowed = Object.values(typed).some(Boolean);

  return (
    <Panel title="Audit log">
      <div className={classes.tools}>
        <Autocomplete
          label="Who"
          placeholder="Whole name"
          data={named('actor')}
          value={typed.actor}
          onChange={set('actor')}
        />
        <Autocomplete
          label="Did what"
          placeholder="Such as user.create"
          data={[...new Set([...ACTION_NAMES, ...named('action')])]}
          value={typed.action}
          onChange={set('action')}
        />
        <Autocomplete
          label="Of what"
          placeholder="Whole name"
          data={named('target')}
          value={typed.target}
          onChange={set('target')}
        />
        <TextInput
          type="date"
          label="From"
          value={typed.from}
          onChange={({ currentTarget }) => set('from')(currentTarget.value)}
        />
        <TextInput
          type="date"
          label="Through"
          value={typed.through}
          onChange={({ currentTarget }) => set('through')(currentTarget.value)}
        />
        {narrowed ? (
          <Button variant="default" leftSection={<IconFilterOff size="1.1rem" />} onClick={() => setTyped(NOTHING)}>
            Show all
          </Button>
        ) : null}
      </div>
      <AdminList
        label="Audit log"
        query={log}
        count={items.length}
        empty={
          <MessagePanel
            icon={<IconHistory size="1.6rem" />}
            title={narrowed ? 'Nothing fits' : 'Nothing is written yet'}
          >
            {narrowed
              ? 'Names have to be whole, as they stand in the log.'
              : 'Every change appears here, with who made it.'}
          </MessagePanel>
        }
      >
        {items.map((entry) => (
          <AuditRow key={entry.id} entry={entry} onPick={(part, value) => set(part)(value)} />
        ))}
      </AdminList>
      {log.hasNextPage ? (
        <div className={classes.more}>
          <Button variant="subtle" loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
            Older ones
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}

function filterOf({ actor, action, target, from, through }: Typed): AuditFilter {
  return {
    ...{ actor: actor.trim(), action: action.trim(), target: target.trim() },
    ...(from && { from: startOf(from) }),
    ...(through && { to: startOf(dayAfter(through, 1)) }),
  };
}
