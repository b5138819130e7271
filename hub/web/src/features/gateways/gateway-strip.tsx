import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { IconDatabase, IconPlus, IconRouter, IconRouterOff } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { formatMoment } from '../../format/duration.ts';
import { BACKLOG_MIN, isForeign, upCount } from '../../format/gateway-words.ts';
import { formatNumber } from '../../format/value.ts';
import { useGateways, useHubNow, useMachines, usePlantLoaded } from '../../live/live-context.tsx';
import { Since } from '../../live/since.tsx';
import { GATEWAYS_LINK } from '../../route.ts';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { Panel } from '../../ui/panel.tsx';
import { CompletenessDialog } from '../completeness/completeness-dialog.tsx';
import { DeviceChip } from './device-chip.tsx';
import classes from './gateway-strip.module.css';
import { ProposalDialog } from './proposal-dialog.tsx';

/** More than these have a page of their own. */
const MOST_SHOWN = 12;

/** Each gateway: is it there, what waits on its disk, how its devices are. */
export function GatewayStrip() {
  const gateways = useGateways();
  const shown = useMemo(() => worthALook(gateways), [gateways]);
  const loaded = usePlantLoaded();
  const [asked, setAsked] = useState(false);
  const [proposing, setProposing] = useState<string | null>(null);
  const aside = (
    <Button variant="subtle" size="compact-sm" onClick={() => setAsked(true)}>
      Data completeness
    </Button>
  );
  return (
    <Panel title="Gateways" className={classes.root} aside={aside}>
      <CompletenessDialog opened={asked} onClose={() => setAsked(false)} />
      <ProposalDialog gateway={proposing} onClose={() => setProposing(null)} />
      {gateways.length > 0 ? (
        <ul className={classes.list}>
          {shown.map((gateway) => (
            <Gateway key={gateway.id} gateway={gateway} onPropose={() => setProposing(gateway.id)} />
          ))}
          {gateways.length > shown.length ? (
            <li className={classes.all}>
              <a href={GATEWAYS_LINK}>All {gateways.length} gateways</a>
            </li>
          ) : null}
        </ul>
      ) : loaded ? (
        <MessagePanel icon={<IconRouter size="1.6rem" />} title="No gateway has reported yet">
          Enrol one under Gateways; it appears here by itself.
        </MessagePanel>
      ) : null}
    </Panel>
  );
}

function Gateway({ gateway, onPropose }: { gateway: GatewayView; onPropose: () => void }) {
  const now = useHubNow();
  const machines = useMachines().filter((machine) => machine.gateway === gateway.id);
  const strangers = gateway.devices.filter(({ device }) => !machines.some((machine) => machine.device === device));
  const Icon = gateway.online ? IconRouter : IconRouterOff;
  return (
    <li className={classes.gateway} data-online={gateway.online || undefined} data-testid="gateway">
      <div className={classes.name}>
        <Icon size="1.5rem" aria-hidden="true" />
        <div>
          <h3>{gateway.id}</h3>
          <p>
            <b>{gateway.online ? 'Online' : gateway.since === null ? 'Never seen' : 'Offline'}</b>
            {gateway.since === null ? null : (
              <>
                {' '}
                since {formatMoment(gateway.since, now)} (<Since at={gateway.since} short />)
              </>
            )}
          </p>
        </div>
      </div>
      <div className={classes.facts}>
        <p className={classes.buffer} data-backlog={gateway.pendingSamples > BACKLOG_MIN || undefined}>
          <IconDatabase size="1.1rem" aria-hidden="true" />
          {bufferWords(gateway)}
        </p>
        <p className={classes.dim}>
          {formatNumber(gateway.samplesStored)} samples stored
          {gateway.quarantined > 0 ? `, ${formatNumber(gateway.quarantined)} messages refused` : ''}
          {gateway.version ? ` · version ${gateway.version}` : ''}
        </p>
      </div>
      <div className={classes.devices}>
        <p className={classes.dim}>{deviceWords(gateway)}</p>
        <ul>
          {gateway.devices.map((device) => (
            <li key={device.device}>
              <DeviceChip device={device} believed={gateway.online} />
            </li>
          ))}
        </ul>
        {strangers.length === 0 ? null : (
          <button type="button" className={classes.strangers} onClick={onPropose}>
            <IconPlus size="1rem" aria-hidden="true" />
            Not on the dashboard yet: {strangerWords(strangers.map(({ device }) => device))}
          </button>
        )}
      </div>
    </li>
  );
}

/** All while they are few; of many, those first with which something is not well. */
function worthALook(gateways: readonly GatewayView[]): readonly GatewayView[] {
  if (gateways.length <= MOST_SHOWN) return gateways;
  const well = (gateway: GatewayView) => (gateway.online ? (upCount(gateway) < gateway.devices.length ? 1 : 2) : 0);
  return gateways.toSorted((a, b) => well(a) - well(b)).slice(0, MOST_SHOWN);
}

function deviceWords(gateway: GatewayView): string {
  const { id, devices, online } = gateway;
  if (devices.length === 0) return 'No devices';
  const count = devices.length === 1 ? '1 device' : `${devices.length} devices`;
  if (online) return `${upCount(gateway)} of ${count} up`;
  return `${count}, not heard while ${isForeign(id) ? 'it' : 'the gateway'} is offline`;
}

/** Names while they are few. */
function strangerWords(names: string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}

function bufferWords(gateway: GatewayView): string {
  // No gateway of ours, which is known to keep what it measures.
  if (isForeign(gateway.id)) return gateway.online ? 'Heard as it comes' : 'Not heard now';
  const count = formatNumber(gateway.pendingSamples);
  if (!gateway.online) {
    return gateway.pendingSamples > 0
      ? `At least ${count} samples were waiting on the gateway's disk – they come when it is back`
      : "What it measures now waits on the gateway's disk until it is back";
  }
  if (gateway.pendingSamples > BACKLOG_MIN) return `${count} samples waiting on the gateway's disk – nothing is lost`;
  return 'Buffer drained';
}
