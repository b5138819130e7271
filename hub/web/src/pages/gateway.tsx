import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { IconAlertTriangle, IconArrowLeft, IconInfoCircle, IconRouterOff } from '@tabler/icons-react';
import { useMay } from '../api/session.ts';
import { RevokeButton } from '../features/enrolment/revoke-button.tsx';
import { GatewayConfig } from '../features/fleet/gateway-config.tsx';
import { GatewayDevices } from '../features/fleet/gateway-devices.tsx';
import { GatewayLog } from '../features/fleet/gateway-log.tsx';
import { GatewayTiles } from '../features/fleet/gateway-tiles.tsx';
import { HealthMark } from '../features/fleet/health-mark.tsx';
import { RestartButton } from '../features/fleet/restart-button.tsx';
import { TrialNotice } from '../features/fleet/trial-notice.tsx';
import { gatewayHealth, gatewayTroubles, isForeign } from '../format/gateway-words.ts';
import { useGateways, useHubNow } from '../live/live-context.tsx';
import { GATEWAYS_LINK } from '../route.ts';
import { MessagePanel } from '../ui/message-panel.tsx';
import { Notice } from '../ui/notice.tsx';
import classes from './gateway.module.css';

/** One gateway: how it is, what it says, what it runs. */
export function Gateway({ id }: { id: string }) {
  const gateway = useGateways().find((each) => each.id === id);
  return (
    <>
      <a className={classes.back} href={GATEWAYS_LINK}>
        <IconArrowLeft size="1.1rem" aria-hidden="true" />
        All gateways
      </a>
      {gateway ? (
        <Known gateway={gateway} />
      ) : (
        <MessagePanel tone="error" icon={<IconRouterOff size="1.6rem" />} title={`There is no gateway ${id}`}>
          <p>It may have been removed, or serves no site of yours.</p>
          <Button component="a" href={GATEWAYS_LINK} variant="default" mt="md">
            Show all gateways
          </Button>
        </MessagePanel>
      )}
    </>
  );
}

function Known({ gateway }: { gateway: GatewayView }) {
  const now = useHubNow();
  const troubles = gatewayTroubles(gateway, now);
  const mayManage = useMay('gateways.manage');
  const mayRestart = useMay('gateways.restart');
  const mayReadLogs = useMay('gateways.logs');
  const mayConfigure = useMay('gateways.configure');
  const foreign = isForeign(gateway.id);
  return (
    <>
      <header className={classes.head}>
        <h2>{gateway.id}</h2>
        <HealthMark health={gatewayHealth(gateway, troubles)} />
        <div className={classes.actions}>
          {mayManage && gateway.certificate ? <RevokeButton gateway={gateway} /> : null}
          {foreign || !mayRestart ? null : <RestartButton gateway={gateway} />}
        </div>
      </header>
      {troubles.length > 0 ? (
        <Notice tone="warning" icon={<IconAlertTriangle size="1.35rem" />}>
          {troubles.map((words) => (
            <span key={words} className={classes.trouble}>
              {words}
            </span>
          ))}
        </Notice>
      ) : null}
      {gateway.trial ? <TrialNotice trial={gateway.trial} /> : null}
      <GatewayTiles gateway={gateway} now={now} />
      <GatewayDevices gateway={gateway} now={now} />
      {foreign ? (
        <Notice tone="info" icon={<IconInfoCircle size="1.35rem" />}>
          The hub only listens to it: its log and its configuration are looked at where it runs.
        </Notice>
      ) : (
        <>
          {mayReadLogs ? <GatewayLog gateway={gateway} /> : null}
          {mayConfigure ? <GatewayConfig gateway={gateway} /> : null}
        </>
      )}
    </>
  );
}
