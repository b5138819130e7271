import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { Modal } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { Notice } from '../../ui/notice.tsx';
import { AcceptHint, isAllowed } from '../fleet/accept-hint.tsx';
import classes from './device-look.module.css';
import { NodeTree } from './node-tree.tsx';
import { RegisterView } from './register-view.tsx';

const VIEWS: Record<string, typeof NodeTree> = { opcua: NodeTree, modbus: RegisterView };

/** Whether a device of this driver can be looked at. */
export const canLookAt = ({ driver }: DeviceStatus): boolean => Object.hasOwn(VIEWS, driver);

/** What a device has, seen through its gateway. */
export function DeviceLookDialog(props: { gateway: GatewayView; device: DeviceStatus; onClose: () => void }) {
  const { gateway, device, onClose } = props;
  const narrow = useMediaQuery('(max-width: 40em)') ?? false;
  const View = VIEWS[device.driver]!;
  return (
    <Modal opened onClose={onClose} title={`What is in ${device.device}`} size="64rem" fullScreen={narrow}>
      <div className={classes.body}>
        <p className={classes.where}>
          {device.endpoint}, seen from {gateway.id}. It is only read.
        </p>
        {gateway.online ? null : (
          <Notice tone="warning" icon={<IconPlugConnectedX size="1.35rem" />} title="The gateway is offline">
            Its devices can be looked at when it is back; this goes on by itself then.
          </Notice>
        )}
        {isAllowed(gateway, 'browse') ? (
          <View gateway={gateway} device={device.device} />
        ) : (
          <AcceptHint gateway={gateway} word="browse" />
        )}
      </div>
    </Modal>
  );
}
