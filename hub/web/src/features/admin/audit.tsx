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
/** What is looked for by its whole name; beside `known` those of the lines that are shown are offered. */
const NAMES: { part: 'actor' | 'action' | 'target'; label: string; placeholder: string; known: readonly string[] }[] =
  [
    { part: 'actor', label: 'Who', placeholder: 'Whole name', known: [] },
    { part: 'action', label: 'Did what', placeholder: 'Such as user.create', known: ACTION_NAMES },
    { part: 'target', label: 'Of what', placeholder: 'Whole name', known: [] },
  ];
const DAYS = [
  { part: 'from', label: 'From' },
  { part: 'through', label: 'Through' },
] as const;
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
  const set = (part: keyof Typed) => (value: string) => setTyped((now) => ({ ...now, [part]: value }));
  const narrowed = Object.values(typed).some(Boolean);

  return (
    <Panel title="Audit log">
      <div className={classes.tools}>
        {NAMES.map(({ part, label, placeholder, known }) => (
          <Autocomplete
            key={part}
            label={label}
            placeholder={placeholder}
            data={[...new Set([...known, ...items.map((item) => item[part])])].filter(Boolean)}
            value={typed[part]}
            onChange={set(part)}
          />
        ))}
        {DAYS.map(({ part, label }) => (
          <TextInput
            key={part}
            type="date"
            label={label}
            value={typed[part]}
            onChange={({ currentTarget }) => set(part)(currentTarget.value)}
          />
        ))}
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
