import type { Connection, MachineView } from '@lineside/shared/contracts/api.ts';
import { IconClockExclamation, IconCloudOff, IconPlugConnectedX, IconRouterOff } from '@tabler/icons-react';
import { formatAgo, formatMoment } from '../../format/duration.ts';
import { useHubNow } from '../../live/live-context.tsx';
import { Since } from '../../live/since.tsx';
import classes from './connection-notice.module.css';

const LOOK = {
  stale: { icon: IconClockExclamation, words: 'Stale' },
  offline: { icon: IconRouterOff, words: 'Gateway offline' },
  never: { icon: IconPlugConnectedX, words: 'No data yet' },
  hub: { icon: IconCloudOff, words: 'Not updated' },
} as const;

/** A band across the tile that says that its picture is old, since when, and why. Nothing while it is live. */
export function ConnectionBanner({ connection, hubLostAt }: { connection: Connection; hubLostAt: number | null }) {
  const now = useHubNow();
  const kind = connection.status === 'live' ? (hubLostAt === null ? null : 'hub') : connection.status;
  if (kind === null) return null;
  const { icon: Icon, words } = LOOK[kind];
  const since = kind === 'hub' ? hubLostAt : connection.since;
  const reason = kind === 'hub' ? 'This page has lost its connection to the hub.' : connection.reason;
  return (
    <div className={classes.banner} data-kind={kind} data-testid="stale-banner">
      <Icon size="1.75rem" aria-hidden="true" />
      <div>
        <strong>
          {words}
          {since === null ? null : (
            <>
              {' '}
              since {formatMoment(since, now)}{' '}
              <span>
                (<Since at={since} />)
              </span>
            </>
          )}
        </strong>
        {reason ? <p>{reason}</p> : null}
      </div>
    </div>
  );
}

/** The tile's last line: is it live, and when was the machine heard last. */
export function ConnectionLine({ machine, hubLostAt }: { machine: MachineView; hubLostAt: number | null }) {
  const now = useHubNow();
  const live = machine.connection.status === 'live' && hubLostAt === null;
  return (
    <p className={classes.line} data-live={live || undefined} data-testid="connection">
      <i aria-hidden="true" />
      {live ? 'Live' : hubLostAt === null ? LOOK_WORDS[machine.connection.status] : 'Not updated'}
      <span>
        {machine.lastSeenAt === null ? (
          'never seen'
        ) : (
          <>
            seen{' '}
            <time dateTime={new Date(machine.lastSeenAt).toISOString()}>{formatAgo(now - machine.lastSeenAt)}</time>
          </>
        )}
      </span>
      <span className={classes.source}>
        {machine.gateway} / {machine.device}
      </span>
    </p>
  );
}

const LOOK_WORDS: Record<Connection['status'], string> = {
  live: 'Live',
  stale: 'Stale',
  offline: 'Gateway offline',
  never: 'No data yet',
};
