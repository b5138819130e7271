import type { User } from '@lineside/shared/contracts/api.ts';
import { Button, Skeleton } from '@mantine/core';
import { IconCloudOff, IconRefresh } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { AppHeader } from '../features/header/app-header.tsx';
import { HubLostBanner } from '../features/header/hub-lost-banner.tsx';
import { useHubLostAt, useLiveHub, usePlantLoaded } from '../live/live-context.tsx';
import { MessagePanel } from '../ui/message-panel.tsx';
import classes from './fleet-shell.module.css';

/** What all pages but the line have around them, and what they show until the hub has told of the plant. */
export function FleetShell(props: { user: User; onSignedOut: () => void; children: ReactNode }) {
  const hub = useLiveHub();
  const lostAt = useHubLostAt();
  const loaded = usePlantLoaded();
  return (
    <div className={classes.root}>
      <AppHeader user={props.user} onSignedOut={props.onSignedOut} />
      {lostAt !== null && loaded ? <HubLostBanner since={lostAt} /> : null}
      <main className={classes.main}>
        {loaded ? (
          props.children
        ) : lostAt === null ? (
          <Skeleton height="16rem" aria-label="Loading" />
        ) : (
          <MessagePanel tone="error" icon={<IconCloudOff size="1.6rem" />} title="This page cannot be shown">
            <p>The hub cannot be reached. Check the network and that the hub is running.</p>
            <Button mt="md" variant="default" leftSection={<IconRefresh size="1.1rem" />} onClick={() => hub.retry()}>
              Try again
            </Button>
          </MessagePanel>
        )}
      </main>
    </div>
  );
}
