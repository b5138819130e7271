import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { Popover } from '@mantine/core';
import { formatMoment } from '../../format/duration.ts';
import { formatNumber } from '../../format/value.ts';
import { useHubNow } from '../../live/live-context.tsx';
import { DEVICE_LOOK } from '../../ui/device-look.tsx';
import classes from './device-chip.module.css';

/** One device of a gateway; a press tells why it is not up, and how it has been. */
export function DeviceChip({ device, believed }: { device: DeviceStatus; believed: boolean }) {
  const now = useHubNow();
  const { icon: Icon, words } = DEVICE_LOOK[device.state];
  const state = words.toLowerCase();
  return (
    <Popover width="min(22rem, 92vw)" withArrow shadow="md" trapFocus={false}>
      <Popover.Target>
        <button type="button" className={classes.chip} data-state={believed ? device.state : 'unknown'}>
          <Icon size="1.05rem" aria-hidden="true" />
          {device.device} <b>{believed ? state : `was ${state}`}</b>
        </button>
      </Popover.Target>
      <Popover.Dropdown>
        {device.reason ? <p className={classes.reason}>{device.reason}</p> : null}
        <dl className={classes.facts}>
          <dt>{words} since</dt>
          <dd>{formatMoment(device.since, now)}</dd>
          <dt>Driver</dt>
          <dd>{device.driver}</dd>
          <dt>Address</dt>
          <dd>{device.endpoint}</dd>
          <dt>Last good answer</dt>
          <dd>{device.lastGoodAt === null ? 'never' : formatMoment(device.lastGoodAt, now)}</dd>
          <dt>Requests</dt>
          <dd>
            {formatNumber(device.requests)}, {formatNumber(device.errors)} failed, {formatNumber(device.missed)}{' '}
            missed
          </dd>
        </dl>
      </Popover.Dropdown>
    </Popover>
  );
}
