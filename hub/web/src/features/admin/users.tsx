import type { UserAccount, UserWithPassword } from '@lineside/shared/contracts/accounts.ts';
import type { User } from '@lineside/shared/contracts/api.ts';
import { Button, TextInput } from '@mantine/core';
import { IconSearch, IconUserPlus, IconUsers } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { adminApi } from '../../api/admin-api.ts';
import { meQuery } from '../../api/session.ts';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { Panel } from '../../ui/panel.tsx';
import { useFirst } from '../../ui/show-more.tsx';
import classes from './admin.module.css';
import { AdminList } from './admin-list.tsx';
import { ConfirmDialog } from './confirm-dialog.tsx';
import { SecretDialog } from './secret-dialog.tsx';
import { UserDialog } from './user-dialog.tsx';
import { type UserAct, UserRow } from './user-row.tsx';

/** A list that fits on a screen is not searched. */
const SEARCH_FROM = 10;

const SHOWN_AT_ONCE = 100;

/** Who may come in, as what. */
export function Users({ me }: { me: User }) {
  const queries = useQueryClient();
  const users = useQuery({ queryKey: ['users'], queryFn: ({ signal }) => adminApi.users(signal) });
  const [search, setSearch] = useState('');
  const [adding, setAdding] = useState(false);
  const [asked, setAsked] = useState<{ act: UserAct; user: UserAccount } | null>(null);
  const [made, setMade] = useState<UserWithPassword | null>(null);

  const known = users.data ?? [];
  const words = search.trim().toLowerCase();
  const shown = known.filter(({ name, fullName, role }) =>
    `${name} ${fullName} ${role}`.toLowerCase().includes(words),
  );
  const { first, more } = useFirst(shown, SHOWN_AT_ONCE);
  const done = (password: UserWithPassword | null = null) => {
    setAdding(false);
    setAsked(null);
    setMade(password);
    void queries.invalidateQueries({ queryKey: ['users'] });
    if (asked?.user.name === me.name) void queries.invalidateQueries({ queryKey: meQuery.queryKey });
  };

  return (
    <Panel
      title="Users"
      aside={
        <Button size="sm" leftSection={<IconUserPlus size="1.1rem" />} onClick={() => setAdding(true)}>
          Add a user
        </Button>
      }
    >
      {known.length < SEARCH_FROM ? null : (
        <div className={classes.tools}>
          <TextInput
            aria-label="Search users"
            placeholder="Name or role"
            leftSection={<IconSearch size="1rem" />}
            value={search}
            onChange={({ currentTarget }) => setSearch(currentTarget.value)}
          />
        </div>
      )}
      <AdminList
        label="Users"
        query={users}
        count={shown.length}
        empty={<MessagePanel icon={<IconUsers size="1.6rem" />} title={`No user is called “${search.trim()}”`} />}
      >
        {first.map((user) => (
          <UserRow key={user.name} user={user} own={user.name === me.name} onAct={(act) => setAsked({ act, user })} />
        ))}
      </AdminList>
      {more}
      {adding ? <UserDialog onDone={done} onClose={() => setAdding(false)} /> : null}
      {asked?.act === 'change' ? (
        <UserDialog user={asked.user} onDone={done} onClose={() => setAsked(null)} />
      ) : asked ? (
        <ConfirmDialog
          {...confirmOf(asked.act, asked.user.name)}
          onDone={(result) => done(result ?? null)}
          onClose={() => setAsked(null)}
        />
      ) : null}
      {made ? (
        <SecretDialog
          title={`Password of ${made.user.name}`}
          words={`Give ${made.user.fullName || made.user.name} this password. It has to be changed after signing in with it.`}
          secret={made.password}
          copyLabel="Copy the password"
          onClose={() => setMade(null)}
        />
      ) : null}
    </Panel>
  );
}

interface Confirm {
  title: string;
  words: string;
  verb: string;
  harmless?: boolean;
  act: () => Promise<UserWithPassword | null>;
}

function confirmOf(act: Exclude<UserAct, 'change'>, name: string): Confirm {
  const nothing = async (doing: Promise<unknown>) => {
    await doing;
    return null;
  };
  switch (act) {
    case 'reset':
      return {
        title: `Reset the password of ${name}?`,
        words: 'The present one opens nothing any more, and every sign-in ends. You are shown another one, once.',
        verb: 'Reset the password',
        act: () => adminApi.resetPassword(name),
      };
    case 'end':
      return {
        title: `Sign ${name} out everywhere?`,
        words: 'Every browser and every client with a token has to sign in anew.',
        verb: 'Sign out everywhere',
        act: () => nothing(adminApi.endSessions(name)),
      };
    case 'disable':
      return {
        title: `Disable ${name}?`,
        words: 'Signed out everywhere at once, and not let in until enabled again.',
        verb: 'Disable',
        act: () => nothing(adminApi.changeUser(name, { disabled: true })),
      };
    case 'enable':
      return {
        title: `Enable ${name}?`,
        words: 'The password is as it was.',
        verb: 'Enable',
        harmless: true,
        act: () => nothing(adminApi.changeUser(name, { disabled: false })),
      };
    case 'delete':
      return {
        title: `Delete ${name}?`,
        words: 'This cannot be undone. The name stays in the audit log and in what was acknowledged and set.',
        verb: 'Delete',
        act: () => nothing(adminApi.deleteUser(name)),
      };
  }
}
