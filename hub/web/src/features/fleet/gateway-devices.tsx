import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { Button } from '@mantine/core';
import { IconListSearch, IconPlugConnectedX } from '@tabler/icons-react';
import { useState } from 'react';
import { useMay } from '../../api/session.ts';
import { formatDurationShort, formatFull, formatMoment } from '../../format/duration.ts';
import { isForeign } from '../../format/gateway-words.ts';
import { formatNumber } from '../../format/value.ts';
import { DEVICE_LOOK } from '../../ui/device-look.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { Panel } from '../../ui/panel.tsx';
import { canLookAt, DeviceLookDialog } from '../device-look/device-look-dialog.tsx';
import classes from './gateway-devices.module.css';

const ORDER: DeviceStatus['state'][] = ['down', 'connecting', 'up'];

/** Its devices; what is not up stands first. @param now milliseconds since 1970 UTC */
export function GatewayDevices({ gateway, now }: { gateway: GatewayView; now: number }) {
  const mayLook = useMay('gateways.browse') && !isForeign(gateway.id);
  const [looking, setLooking] = useState('');
  const looked = gateway.devices.find(({ device }) => device === looking);
  const devices = gateway.devices.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  return (
    <Panel title="Devices">
      {devices.length === 0 ? (
        <MessagePanel icon={<IconPlugConnectedX size="1.6rem" />} title="It has no devices">
          They are written under <code>devices:</code> in its configuration.
        </MessagePanel>
      ) : (
        <ul className={classes.list}>
          {devices.map((device) => (
            <Device
              key={device.device}
              device={device}
              believed={gateway.online}
              now={now}
              onLook={mayLook && canLookAt(device) ? () => setLooking(device.device) : null}
            />
          ))}
        </ul>
      )}
      {looked ? <DeviceLookDialog gateway={gateway} device={looked} onClose={() => setLooking('')} /> : null}
    </Panel>
  );
}

function Device(props: {
  device: DeviceStatus;
  believed: boolean;
  now: number;
  /** Null where it cannot be looked at. */
  onLook: (() => void) | null;
}) {
  const { device, believed, now, onLook } = props;
  const { icon: Icon, words } = DEVICE_LOOK[device.state];
  const { lastGoodAt, since, requests, errors, missed } = device;
  return (
    <li data-testid="device" data-state={believed ? device.state : 'unknown'}>
      <div>
        <h3>{device.device}</h3>
        <p className={classes.state}>
          <Icon size="1.1rem" aria-hidden="true" />
          {believed ? words : `Was ${words.toLowerCase()}`}
          <span title={formatFull(since)}> for {formatDurationShort(now - since)}</span>
        </p>
      </div>
      <div>
        <p className={classes.address}>
          {device.driver} · {device.endpoint}
        </p>
        {device.reason ? <p className={classes.reason}>{device.reason}</p> : null}
        {onLook ? (
          <Button
            className={classes.look ?? ''}
            variant="default"
            size="xs"
            leftSection={<IconListSearch size="1.1rem" />}
            aria-label={`Look at the device ${device.device}`}
            onClick={onLook}
          >
            Look at the device
          </Button>
        ) : null}
      </div>
      <dl>
        <div>
          <dt>Last good answer</dt>
          <dd title={lastGoodAt === null ? undefined : formatFull(lastGoodAt)}>
            {lastGoodAt === null ? 'never' : lastGoodWords(lastGoodAt, now)}
          </dd>
        </div>
        <div>
          <dt>Requests</dt>
          <dd>{formatNumber(requests)}</dd>
        </div>
        <div>
          <dt>Failed</dt>
          <dd>{formatNumber(errors)}</dd>
        </div>
        <div>
          <dt>Missed</dt>
          <dd>{formatNumber(missed)}</dd>
        </div>
      </dl>
    </li>
  );
}

/** The health comes every few seconds: what is younger is now. */
function lastGoodWords(at: number, now: number): string {
  return now - at < 15_000 ? 'just now' : `${formatMoment(at, now)} (${formatDurationShort(now - at)} ago)`;
}
