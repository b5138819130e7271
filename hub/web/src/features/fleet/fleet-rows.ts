import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { type GatewayHealth, gatewayHealth, gatewayTroubles, upCount } from '../../format/gateway-words.ts';

/** A gateway as the list shows and sorts it. */
export interface FleetRow {
  gateway: GatewayView;
  health: GatewayHealth;
  troubles: readonly string[];
  /** Lower case: where the filter looks. */
  search: string;
}

/** @param now milliseconds since 1970 UTC */
export function fleetRow(gateway: GatewayView, now: number): FleetRow {
  const troubles = gatewayTroubles(gateway, now);
  const names = [gateway.id, gateway.version, ...gateway.devices.map(({ device }) => device)];
  return { gateway, health: gatewayHealth(gateway, troubles), troubles, search: names.join(' ').toLowerCase() };
}

export type SortKey = 'health' | 'since' | 'version' | 'startedAt' | 'waiting' | 'clock' | 'devices' | 'certificate';

type Compare = (a: FleetRow, b: FleetRow) => number;

const URGENCY: Record<GatewayHealth, number> = { offline: 0, attention: 1, never: 2, good: 3 };
const names = new Intl.Collator(undefined, { numeric: true });

/** What is not known comes last, and equals come by name. */
function by(figure: (row: FleetRow) => number | undefined | null): Compare {
  const known = (row: FleetRow) => figure(row) ?? Number.MAX_SAFE_INTEGER;
  return (a, b) => known(a) - known(b) || byName(a, b);
}

const byName: Compare = (a, b) => names.compare(a.gateway.id, b.gateway.id);

/** What wants to be seen first, first. */
export const SORTS: Record<SortKey, Compare> = {
  health: by(({ health }) => URGENCY[health]),
  since: by(({ gateway }) => gateway.since && -gateway.since),
  version: (a, b) => names.compare(a.gateway.version, b.gateway.version) || byName(a, b),
  startedAt: by(({ gateway }) => gateway.startedAt && -gateway.startedAt),
  waiting: by(({ gateway }) => -gateway.pendingSamples),
  clock: by(({ gateway }) => gateway.clockOffsetMs && -Math.abs(gateway.clockOffsetMs)),
  devices: by(({ gateway }) => upCount(gateway) - gateway.devices.length),
  certificate: by(({ gateway }) => gateway.certificate?.notAfter),
};
