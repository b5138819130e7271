/** What the API stands on; made in hub/main.ts, and afresh in tests. */
import type { TlsOptions } from 'node:tls';
import type { GatewayView, Overview } from '@lineside/shared/contracts/api.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AlarmDesk } from '../alerts/alarm-desk.ts';
import type { AndonBoard } from '../andon/board.ts';
import type { Access } from '../auth/access.ts';
import { gatewaysWithin, type Identity, within } from '../auth/identity.ts';
import type { CompletenessService } from '../completeness/completeness-service.ts';
import type { HttpConfig } from '../config/http.ts';
import type { Authority } from '../enrolment/authority.ts';
import type { Enrolment } from '../enrolment/enrolment.ts';
import type { EquipmentNode, Machine } from '../equipment/plant.ts';
import type { ConfigDesk } from '../fleet/config-desk.ts';
import type { FleetDesk } from '../fleet/fleet-desk.ts';
import type { RolloutDesk } from '../fleet/rollout-desk.ts';
import type { Monitor } from '../monitoring/monitor.ts';
import type { MqttAccounts } from '../mqtt-accounts/mqtt-accounts.ts';
import type { OeeService } from '../oee/oee-service.ts';
import type { IdempotencyKeys } from '../store/postgres/idempotency-keys.ts';
import type { RetentionConfig } from '../store/timeseries/config.ts';
import type { TimeSeriesStore } from '../store/timeseries/time-series.ts';
import type { WriteDesk } from '../writes/write-desk.ts';
import type { MetricsDoor } from './plugins/monitoring.ts';

export interface ApiServices {
  access: Access;
  board: AndonBoard;
  alarms: AlarmDesk;
  writes: WriteDesk;
  configs: ConfigDesk;
  enrolment: Enrolment;
  mqttAccounts: MqttAccounts;
  /** @throws LinesideError AUTHORITY_UNREADABLE, AUTHORITY_ELSEWHERE */
  authority(): Promise<Pick<Authority, 'certificate' | 'fingerprint'>>;
  fleet: FleetDesk;
  rollouts: RolloutDesk;
  oee: OeeService;
  completeness: CompletenessService;
  timeSeries: TimeSeriesStore;
  retention: RetentionConfig;
  enterprise: string;
  equipment: EquipmentNode[];
  machines: Machine[];
  http: HttpConfig;
  /** What is spoken in place of clear text. */
  tls?: TlsOptions | undefined;
  /** Keys by which clients mark their writes. */
  idempotency: IdempotencyKeys;
  /** What keeps the hub from doing its work now, in words; empty while all is well. */
  faults(): string[];
  /** What is wrong as well and no reason to send requests elsewhere, such as a certificate that has ended, in words. */
  faultsBeside?(): string[];
  /** Which parts make no progress any more, in words: only a restart helps. */
  hanging(): string[];
  /** What has not been started yet, in words. */
  starting(): string[];
  /** Asks each store something small, by the store's name; rejects where it is not there. */
  stores: Record<string, () => Promise<unknown>>;
  /** What somebody should see to while the hub does its work, such as a backup that is too old. */
  notices?(): string[];
  monitor: Monitor;
  metrics: MetricsDoor;
  log: Logger;
  now(): number;
}

/** The whole present picture, as far as somebody may see it: what a client shows first. */
export function overviewOf(services: ApiServices, identity: Identity): Overview {
  const { board, alarms, enterprise, now } = services;
  return {
    serverTime: now(),
    enterprise,
    machines: within(identity, board.machines(), ({ path }) => path),
    alarms: within(identity, alarms.open(), ({ machine }) => machine),
    gateways: gatewaysOf(services, identity),
  };
}

/** The gateways that somebody sees, each with the devices of theirs. */
export function gatewaysOf({ board, machines }: ApiServices, identity: Identity): GatewayView[] {
  return gatewaysWithin(identity, machines, board.gateways.all(), ({ id }) => id);
}
