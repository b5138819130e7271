import type { User } from '@lineside/shared/contracts/api.ts';
import { ActionIcon, Menu } from '@mantine/core';
import { IconLock, IconLogout, IconUser } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { hubApi } from '../../api/hub-api.ts';
import { PasswordDialog } from '../account/password-dialog.tsx';
import classes from './user-menu.module.css';

/** Who is signed in, as what, and what they can do about it. */
export function UserMenu({ user, onSignedOut }: { user: User; onSignedOut: () => void }) {
  const [changing, setChanging] = useState(false);
  const signOut = useMutation({ mutationFn: hubApi.logout, onSuccess: onSignedOut });
  return (
    <>
      <Menu position="bottom-end" withArrow shadow="md" width={260}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="2.25rem" aria-label={`Signed in as ${user.name}`}>
            <IconUser size="1.35rem" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label className={classes.who ?? ''}>
            <b>{user.name}</b>
            {user.role ? <span>Role: {user.role}</span> : null}
            {user.sites ? <span>Sees: {user.sites.join(', ')}</span> : null}
          </Menu.Label>
          <Menu.Divider />
          {/* The others have it where they sign in. */}
          {user.signsInBy === 'password' ? (
            <Menu.Item leftSection={<IconLock size="1.1rem" />} onClick={() => setChanging(true)}>
              Change password
            </Menu.Item>
          ) : null}
          <Menu.Item
            leftSection={<IconLogout size="1.1rem" />}
            closeMenuOnClick={false}
            disabled={signOut.isPending}
            onClick={() => signOut.mutate()}
          >
            Sign out
          </Menu.Item>
          {signOut.error ? <Menu.Label role="alert">Not signed out: {signOut.error.message}</Menu.Label> : null}
        </Menu.Dropdown>
      </Menu>
      {changing ? <PasswordDialog user={user} onClose={() => setChanging(false)} /> : null}
    </>
  );
}
