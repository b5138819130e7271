import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Button, Modal } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconPower } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import { AcceptHint, isAllowed } from './accept-hint.tsx';
import classes from './restart-button.module.css';

/** Asks first: a restart is a gap in the data. */
export function RestartButton({ gateway }: { gateway: GatewayView }) {
  const [opened, setOpened] = useState(false);
  const restart = useMutation({ mutationFn: () => fleetApi.restart(gateway.id) });
  const close = () => {
    setOpened(false);
    restart.reset();
  };
  return (
    <>
      <Button variant="default" leftSection={<IconPower size="1.1rem" />} onClick={() => setOpened(true)}>
        Restart…
      </Button>
      <Modal opened={opened} onClose={close} title={`Restart ${gateway.id}?`}>
        <div className={classes.body}>
          {restart.data ? (
            <Outcome gateway={gateway} />
          ) : isAllowed(gateway, 'restart') ? (
            <>
              <p>
                The gateway ends in order, and what starts it at the machine starts it anew: systemd, or its
                container. <b>Without such a thing it stays off.</b>
              </p>
              <p>
                Until it is back, for some seconds, it reads no device and raises no alarm: these seconds are missing
                in the data. What it has on its disk is kept.
              </p>
            </>
          ) : (
            <AcceptHint gateway={gateway} word="restart" />
          )}
          {gateway.online || restart.data ? null : (
            <Notice tone="warning" icon={<IconAlertTriangle size="1.35rem" />}>
              It is offline: nothing can be asked of it now.
            </Notice>
          )}
          <Refusal error={restart.error} title="Not restarted" />
          <DialogButtons>
            <Button variant="default" onClick={close}>
              {restart.data ? 'Close' : 'Cancel'}
            </Button>
            {restart.data || !isAllowed(gateway, 'restart') ? null : (
              <Button
                color="red"
                loading={restart.isPending}
                disabled={!gateway.online}
                onClick={() => restart.mutate()}
              >
                Restart now
              </Button>
            )}
          </DialogButtons>
        </div>
      </Modal>
    </>
  );
}

function Outcome({ gateway }: { gateway: GatewayView }) {
  const [before] = useState(gateway.startedAt);
  const back = gateway.online && gateway.startedAt !== undefined && gateway.startedAt !== before;
  return (
    <Notice tone="info" icon={<IconCircleCheck size="1.35rem" />} title={back ? 'It is back' : 'It is ending'}>
      {back
        ? 'It has started anew.'
        : 'This says so when it is back. After a minute without it, look at the machine.'}
    </Notice>
  );
}
