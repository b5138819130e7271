/** What the API stands on; made in hub/main.ts, and afresh in tests. */
import type { GatewayView, Overview } from '@lineside/shared/contracts/api.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AlarmDesk } from '../alerts/alarm-desk.ts';
import type { AndonBoard } from '../andon/board.ts';
import type { AuthService } from '../auth/auth-service.ts';
import type { CompletenessService } from '../completeness/completeness-service.ts';
import type { EquipmentNode, Machine } from '../equipment/plant.ts';
import type { ConfigDesk } from '../fleet/config-desk.ts';
import type { OeeService } from '../oee/oee-service.ts';
import type { TimeSeriesStore } from '../store/timeseries/time-series.ts';
import type { WriteDesk } from '../writes/write-desk.ts';

export interface ApiServices {
  auth: AuthService;
  board: AndonBoard;
  alarms: AlarmDesk;
  writes: WriteDesk;
  configs: ConfigDesk;
  oee: OeeService;
  completeness: CompletenessService;
  timeSeries: TimeSeriesStore;
  enterprise: string;
  equipment: EquipmentNode[];
  machines: Machine[];
  /** What keeps the hub from doing its work now, in words; empty while all is well. */
  faults(): string[];
  log: Logger;
  now(): number;
}

/** The whole present picture: what a client shows first. */
export function overviewOf({ board, alarms, enterprise, now }: ApiServices): Overview {
  const gateways: GatewayView[] = board.gateways.all();
  return { serverTime: now(), enterprise, machines: board.machines(), alarms: alarms.open(), gateways };
}
