import type { User } from '@lineside/shared/contracts/api.ts';
import { Button, Modal } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { meQuery } from '../../api/session.ts';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { PasswordForm } from './password-form.tsx';

/** Changes one's own password at any time. */
export function PasswordDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const queries = useQueryClient();
  const [changed, setChanged] = useState(false);
  return (
    <Modal opened onClose={onClose} title="Change password">
      {changed ? (
        <MessagePanel icon={<IconCircleCheck size="1.6rem" />} title="Your password is changed">
          <p>Wherever else you were signed in, you are signed out now.</p>
          <Button mt="md" variant="default" onClick={onClose}>
            Done
          </Button>
        </MessagePanel>
      ) : (
        <PasswordForm
          user={user}
          onChanged={(now) => {
            queries.setQueryData(meQuery.queryKey, now);
            setChanged(true);
          }}
        />
      )}
    </Modal>
  );
}
