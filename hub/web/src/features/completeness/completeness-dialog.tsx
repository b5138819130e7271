import type { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import { ActionIcon, Button, Modal, Skeleton } from '@mantine/core';
import { IconChevronLeft, IconChevronRight, IconRouter } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { dayAfter, dayOf } from '../../format/day.ts';
import { useHubNow } from '../../live/live-context.tsx';
import { FailedPanel } from '../../ui/failed-panel.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { useFirst } from '../../ui/show-more.tsx';
import classes from './completeness-dialog.module.css';
import { GatewayDay } from './gateway-day.tsx';

const SHOWN_AT_ONCE = 50;

/** Whether all of a day is here: for each gateway and device, and what is missing with its cause. */
export function CompletenessDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const today = dayOf(useHubNow());
  const [chosen, setChosen] = useState<string | null>(null);
  const day = chosen ?? today;
  const statements = useQuery({
    queryKey: ['completeness', day],
    queryFn: ({ signal }) => hubApi.completeness(day, signal),
    enabled: opened,
    placeholderData: keepPreviousData,
    refetchInterval: day === today ? 30_000 : false,
  });
  const sorted = useMemo(() => statements.data?.toSorted(byUrgency) ?? [], [statements.data]);
  const { first, more } = useFirst(sorted, SHOWN_AT_ONCE);
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Data completeness"
      size="64rem"
      classNames={{ body: classes.body }}
    >
      <div className={classes.days}>
        <ActionIcon
          variant="default"
          size="2.25rem"
          aria-label="Day before"
          onClick={() => setChosen(dayAfter(day, -1))}
        >
          <IconChevronLeft size="1.2rem" />
        </ActionIcon>
        <input
          type="date"
          className={classes.day}
          aria-label="Day"
          value={day}
          max={today}
          onChange={({ currentTarget }) => setChosen(currentTarget.value || null)}
        />
        <ActionIcon
          variant="default"
          size="2.25rem"
          aria-label="Day after"
          disabled={day >= today}
          onClick={() => setChosen(dayAfter(day, 1))}
        >
          <IconChevronRight size="1.2rem" />
        </ActionIcon>
        {day === today ? null : (
          <Button variant="subtle" size="compact-md" onClick={() => setChosen(null)}>
            Today
          </Button>
        )}
      </div>
      {statements.isPending ? (
        <div className={classes.loading} aria-busy="true">
          <Skeleton height="8rem" />
          <Skeleton height="8rem" />
        </div>
      ) : statements.isError ? (
        <FailedPanel title="It cannot be told" error={statements.error} onRetry={statements.refetch} />
      ) : statements.data.length === 0 ? (
        <MessagePanel icon={<IconRouter size="1.6rem" />} title="There is no gateway yet">
          What gateways measure is counted here from their first day on.
        </MessagePanel>
      ) : (
        <>
          <ul className={classes.gateways} data-old={statements.isPlaceholderData || undefined}>
            {first.map((statement) => (
              <GatewayDay key={statement.gateway} statement={statement} />
            ))}
          </ul>
          {more}
        </>
      )}
    </Modal>
  );
}

const names = new Intl.Collator(undefined, { numeric: true });

/** Where something is missing, first. */
function byUrgency(a: CompletenessStatement, b: CompletenessStatement): number {
  const missing = ({ delivery }: CompletenessStatement) => (delivery === 'incomplete' ? 0 : 1);
  return missing(a) - missing(b) || names.compare(a.gateway, b.gateway);
}
