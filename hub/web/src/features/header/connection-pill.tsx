import { IconAlertTriangleFilled, IconCloudOff, IconLoader, IconWifi } from '@tabler/icons-react';
import { formatMoment } from '../../format/duration.ts';
import { useHubLostAt, useHubNow, useLink } from '../../live/live-context.tsx';
import type { LinkState } from '../../live/live-socket.ts';
import classes from './connection-pill.module.css';

const LOOK: Record<LinkState['status'], { icon: typeof IconWifi; words: string }> = {
  live: { icon: IconWifi, words: 'Live' },
  connecting: { icon: IconLoader, words: 'Connecting…' },
  reconnecting: { icon: IconAlertTriangleFilled, words: 'Reconnecting' },
  unreachable: { icon: IconCloudOff, words: 'Hub not reachable' },
  ended: { icon: IconCloudOff, words: 'Signed out' },
};

/** How this page stands to the hub, in one word and since when. */
export function ConnectionPill() {
  const { status } = useLink();
  const lostAt = useHubLostAt();
  const now = useHubNow();
  const { icon: Icon, words } = LOOK[status];
  return (
    <span className={classes.root} data-status={status} role="status" data-testid="connection-pill">
      <Icon size="1.05rem" aria-hidden="true" />
      <span>
        {words}
        {lostAt === null ? '' : ` since ${formatMoment(lostAt, now)}`}
      </span>
    </span>
  );
}
