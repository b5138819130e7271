import type { User } from '@lineside/shared/contracts/api.ts';
import { SegmentedControl } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { Audit } from '../features/admin/audit.tsx';
import { Keys } from '../features/admin/keys.tsx';
import { administrationOf } from '../features/admin/parts.ts';
import { Users } from '../features/admin/users.tsx';
import { administrationLink } from '../route.ts';
import { MessagePanel } from '../ui/message-panel.tsx';

/** Users, keys, and who changed what. */
export function Administration({ user, part }: { user: User; part: string }) {
  const parts = administrationOf(user);
  const shown = parts.find((each) => each.part === part) ?? parts[0];
  if (!shown) {
    return (
      <MessagePanel icon={<IconLock size="1.6rem" />} title="This is for administrators">
        Your role does not see it. Ask an administrator of the hub.
      </MessagePanel>
    );
  }
  return (
    <>
      {parts.length < 2 ? null : (
        <SegmentedControl
          aria-label="Part of the administration"
          style={{ alignSelf: 'flex-start' }}
          value={shown.part}
          onChange={(next) => {
            window.location.hash = administrationLink(next);
          }}
          data={parts.map((each) => ({ value: each.part, label: each.label }))}
        />
      )}
      {shown.part === 'users' ? <Users me={user} /> : shown.part === 'keys' ? <Keys /> : <Audit />}
    </>
  );
}
