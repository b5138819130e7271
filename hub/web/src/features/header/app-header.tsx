import type { User } from '@lineside/shared/contracts/api.ts';
import { ActionIcon, Tooltip } from '@mantine/core';
import { IconBell, IconBellRinging, IconDeviceTv, IconMinimize } from '@tabler/icons-react';
import { needsAcknowledge } from '../../format/alarm-words.ts';
import { formatClock, formatDay } from '../../format/duration.ts';
import { useAlarms, useEnterprise, useHubNow } from '../../live/live-context.tsx';
import { administrationLink, GATEWAYS_LINK, LINE_LINK, useRoute } from '../../route.ts';
import { BrandMark } from '../../ui/brand.tsx';
import { administrationOf } from '../admin/parts.ts';
import classes from './app-header.module.css';
import { ConnectionPill } from './connection-pill.tsx';
import { SchemeMenu } from './scheme-menu.tsx';
import { UserMenu } from './user-menu.tsx';

export interface AppHeaderProps {
  user: User;
  onSignedOut: () => void;
  /** Only the line has a wall view. */
  wall?: { on: boolean; toggle: () => void };
  /** Without it the bell leads to the line. */
  onAlarms?: () => void;
}

/** Whose plant this is, whether the page is alive, what time it is, and what waits for someone. */
export function AppHeader({ user, wall, onSignedOut, onAlarms }: AppHeaderProps) {
  const enterprise = useEnterprise();
  return (
    <header className={classes.root}>
      <div className={classes.brand}>
        <BrandMark />
        <div>
          <h1>{enterprise || 'Lineside'}</h1>
          {wall?.on ? <p>Line overview</p> : <SectionNav user={user} />}
        </div>
      </div>
      <ConnectionPill />
      <div className={classes.right}>
        <Clock />
        <AlarmBell onClick={onAlarms ?? goToLine} />
        {wall ? <WallButton {...wall} /> : null}
        {wall?.on ? null : (
          <>
            <SchemeMenu />
            <UserMenu user={user} onSignedOut={onSignedOut} />
          </>
        )}
      </div>
    </header>
  );
}

/** The parts of the app. */
function SectionNav({ user }: { user: User }) {
  const { page } = useRoute();
  return (
    <nav className={classes.nav} aria-label="Sections">
      <a href={LINE_LINK} aria-current={page === 'line' ? 'page' : undefined}>
        Line
      </a>
      <a href={GATEWAYS_LINK} aria-current={page.startsWith('gateway') || page === 'rollouts' ? 'page' : undefined}>
        Gateways
      </a>
      {administrationOf(user).length > 0 ? (
        <a href={administrationLink()} aria-current={page === 'administration' ? 'page' : undefined}>
          Administration
        </a>
      ) : null}
    </nav>
  );
}

function WallButton({ on, toggle }: { on: boolean; toggle: () => void }) {
  return (
    <Tooltip label={on ? 'Leave the wall view' : 'Wall view: full screen, read from afar'}>
      <ActionIcon
        className={on ? undefined : classes.wall}
        variant="subtle"
        color="gray"
        size="2.25rem"
        aria-label="Wall view"
        aria-pressed={on}
        onClick={toggle}
      >
        {on ? <IconMinimize size="1.35rem" /> : <IconDeviceTv size="1.35rem" />}
      </ActionIcon>
    </Tooltip>
  );
}

function goToLine(): void {
  window.location.hash = LINE_LINK;
}

function Clock() {
  const now = useHubNow();
  return (
    <time className={classes.clock} dateTime={new Date(now).toISOString()}>
      <span>{formatDay(now)}</span>
      <b>{formatClock(now)}</b>
    </time>
  );
}

function AlarmBell({ onClick }: { onClick: () => void }) {
  const alarms = useAlarms();
  const open = alarms.filter(needsAcknowledge).length;
  const Icon = open > 0 ? IconBellRinging : IconBell;
  return (
    <Tooltip label={open > 0 ? 'Show the alarms' : 'No alarm waits for someone'}>
      <button
        type="button"
        className={classes.bell}
        data-open={open > 0 || undefined}
        aria-label={`Alarms: ${alarms.length} active, ${open} to acknowledge`}
        onClick={onClick}
      >
        <Icon size="1.35rem" aria-hidden="true" />
        {alarms.length > 0 ? <b>{alarms.length}</b> : null}
      </button>
    </Tooltip>
  );
}
