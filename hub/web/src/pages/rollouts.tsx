import { Button, Skeleton } from '@mantine/core';
import { IconArrowLeft, IconLock, IconStack2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { fleetApi } from '../api/fleet-api.ts';
import { useMay } from '../api/session.ts';
import { RolloutCard } from '../features/fleet/rollout-card.tsx';
import { RolloutDialog } from '../features/fleet/rollout-dialog.tsx';
import { GATEWAYS_LINK } from '../route.ts';
import { FailedPanel } from '../ui/failed-panel.tsx';
import { MessagePanel } from '../ui/message-panel.tsx';
import { Panel } from '../ui/panel.tsx';
import classes from './gateway.module.css';

/** One that is under way moves; the others are the past. Milliseconds. */
const LOOK_MS = 2_000;

/** Configurations on their way to several gateways. */
export function Rollouts() {
  const may = useMay('gateways.configure');
  const [planning, setPlanning] = useState(false);
  const rollouts = useQuery({
    queryKey: ['rollouts'],
    queryFn: ({ signal }) => fleetApi.rollouts(signal),
    enabled: may,
    refetchInterval: ({ state }) => (state.data?.some((each) => each.state === 'running') ? LOOK_MS : false),
  });
  const list = rollouts.data ?? [];
  return (
    <>
      <a className={classes.back} href={GATEWAYS_LINK}>
        <IconArrowLeft size="1.1rem" aria-hidden="true" />
        All gateways
      </a>
      <Panel
        title="Rollouts"
        aside={
          may ? (
            <Button
              size="compact-sm"
              disabled={list.some(({ state }) => state === 'running')}
              onClick={() => setPlanning(true)}
            >
              New rollout…
            </Button>
          ) : null
        }
      >
        {!may ? (
          <MessagePanel icon={<IconLock size="1.6rem" />} title="Not yours to do">
            Engineers and administrators change the configuration of gateways.
          </MessagePanel>
        ) : rollouts.isPending ? (
          <Skeleton height="8rem" />
        ) : rollouts.isError ? (
          <FailedPanel title="They cannot be shown" error={rollouts.error} onRetry={rollouts.refetch} />
        ) : list.length === 0 ? (
          <MessagePanel icon={<IconStack2 size="1.6rem" />} title="No configuration has been rolled out yet">
            A rollout brings one to some gateways or all, wave after wave, and stops at the first that does not take
            it.
          </MessagePanel>
        ) : (
          list.map((rollout) => <RolloutCard key={rollout.id} rollout={rollout} />)
        )}
      </Panel>
      {planning ? <RolloutDialog onClose={() => setPlanning(false)} /> : null}
    </>
  );
}
