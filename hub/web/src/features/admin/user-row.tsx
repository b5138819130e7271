import type { UserAccount } from '@lineside/shared/contracts/accounts.ts';
import { ActionIcon, Menu } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { formatFull, formatMoment } from '../../format/duration.ts';
import { sitesWords } from '../../format/role-words.ts';
import { useHubMinute } from '../../live/live-context.tsx';
import classes from './admin.module.css';

export type UserAct = 'change' | 'reset' | 'end' | 'disable' | 'enable' | 'delete';

/** One user. Nobody disables or deletes themselves by a slip; another administrator can. */
export function UserRow(props: { user: UserAccount; own: boolean; onAct: (act: UserAct) => void }) {
  const { user, own, onAct } = props;
  const now = useHubMinute();
  const byProvider = user.signsInBy === 'provider';
  return (
    <li className={classes.row} data-over={user.disabled || undefined} data-testid="user-row">
      <div className={classes.cell}>
        <b>{user.name}</b>
        {own || user.fullName ? <span>{[user.fullName, own ? 'you' : ''].filter(Boolean).join(' · ')}</span> : null}
      </div>
      <div className={classes.cell}>
        {user.role}
        <span>{sitesWords(user.sites)}</span>
      </div>
      <div className={classes.cell}>
        {user.disabled ? <span className={classes.bad}>Disabled</span> : null}
        {user.mustChangePassword ? <span className={classes.warn}>Has to choose a password</span> : null}
        {byProvider ? <span>Signs in at the identity provider</span> : null}
        <span title={user.lastLoginAt === null ? undefined : formatFull(user.lastLoginAt)}>
          {user.lastLoginAt === null ? 'Never signed in' : `Last signed in ${formatMoment(user.lastLoginAt, now)}`}
        </span>
      </div>
      <div className={classes.act}>
        <Menu position="bottom-end" withArrow shadow="md">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="2.25rem" aria-label={`Change ${user.name}`}>
              <IconDots size="1.3rem" />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {byProvider ? (
              <Menu.Label>Role and sites follow the provider</Menu.Label>
            ) : (
              <>
                <Menu.Item onClick={() => onAct('change')}>Role, sites and name…</Menu.Item>
                {own ? null : <Menu.Item onClick={() => onAct('reset')}>Reset password…</Menu.Item>}
              </>
            )}
            {own ? null : (
              <>
                <Menu.Item onClick={() => onAct('end')}>Sign out everywhere…</Menu.Item>
                <Menu.Item onClick={() => onAct(user.disabled ? 'enable' : 'disable')}>
                  {user.disabled ? 'Enable…' : 'Disable…'}
                </Menu.Item>
                <Menu.Divider />
                <Menu.Item color="red" onClick={() => onAct('delete')}>
                  Delete…
                </Menu.Item>
              </>
            )}
          </Menu.Dropdown>
        </Menu>
      </div>
    </li>
  );
}
