import { Button } from '@mantine/core';
import { IconCloudOff } from '@tabler/icons-react';
import { formatClock } from '../../format/duration.ts';
import { useLiveHub } from '../../live/live-context.tsx';
import { Since } from '../../live/since.tsx';
import classes from './hub-lost-banner.module.css';

/** Says over the whole page that nothing on it moves any more. @param since ms since 1970 UTC */
export function HubLostBanner({ since }: { since: number }) {
  const hub = useLiveHub();
  return (
    <div className={classes.root} role="alert" data-testid="hub-lost">
      <IconCloudOff size="1.5rem" aria-hidden="true" />
      <p>
        <strong>Connection to the hub lost.</strong> Everything below is as of {formatClock(since)},{' '}
        <span aria-hidden="true">
          <Since at={since} /> ago
        </span>
        . Gateways go on collecting and raising alarms at the line.
      </p>
      <Button size="xs" variant="default" onClick={() => hub.retry()}>
        Try now
      </Button>
    </div>
  );
}
