import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Button, Modal, TextInput } from '@mantine/core';
import { IconCertificateOff, IconCircleCheck } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import classes from './enrolment.module.css';

/** Shuts a gateway out, after it has said what that means. */
export function RevokeButton({ gateway: { id } }: { gateway: GatewayView }) {
  const [opened, setOpened] = useState(false);
  const [reason, setReason] = useState('');
  const revoke = useMutation({ mutationFn: () => fleetApi.revoke(id, reason.trim()) });
  const close = () => {
    setOpened(false);
    setReason('');
    revoke.reset();
  };
  return (
    <>
      <Button variant="default" leftSection={<IconCertificateOff size="1.1rem" />} onClick={() => setOpened(true)}>
        Revoke…
      </Button>
      <Modal opened={opened} onClose={close} title={`Revoke the certificate of ${id}?`}>
        <div className={classes.body}>
          {revoke.data ? (
            <Notice tone="info" icon={<IconCircleCheck size="1.35rem" />} title="Revoked">
              {id} is shut out. It comes in again when it has enrolled by a new token.
            </Notice>
          ) : (
            <>
              <ul className={classes.consequences}>
                <li>{id} is disconnected at once, and does not come in again by any certificate that it has.</li>
                <li>
                  At the machine it goes on: devices are read, alarms are raised, and what is measured waits on its
                  disk until it may come in again.
                </li>
                <li>A password that it has in the hub’s configuration is not touched: remove that, too.</li>
                <li>This cannot be undone; a new token lets it enrol anew.</li>
              </ul>
              <TextInput
                label="Reason"
                description="Kept with it, for whoever looks later"
                maxLength={200}
                value={reason}
                onChange={({ currentTarget }) => setReason(currentTarget.value)}
              />
            </>
          )}
          <Refusal error={revoke.error} title="Not revoked" />
          <DialogButtons>
            <Button variant="default" onClick={close} data-autofocus>
              {revoke.data ? 'Close' : 'Cancel'}
            </Button>
            {revoke.data ? null : (
              <Button color="red" loading={revoke.isPending} onClick={() => revoke.mutate()}>
                Revoke the certificate
              </Button>
            )}
          </DialogButtons>
        </div>
      </Modal>
    </>
  );
}
