/** What the hub does by itself, beside taking data: figures of shifts, statements about days, summaries. */
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AndonBoard, MachineFigures } from './andon/board.ts';
import { CompletenessService } from './completeness/completeness-service.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { OeeService } from './oee/oee-service.ts';
import { RollupJob } from './store/timeseries/rollup-job.ts';
import type { Stores } from './stores-part.ts';

export interface Jobs {
  oee: OeeService;
  completeness: CompletenessService;
  rollups: RollupJob;
}

export interface JobsOptions {
  config: LoadedHubConfig;
  board: AndonBoard;
  stores: Stores;
  /** See OeeServiceOptions. */
  toldOfAll: boolean;
  onFigures(path: string, figures: MachineFigures): void;
  log: Logger;
  now(): number;
}

export function makeJobs({ config, board, stores, toldOfAll, onFigures, log, now }: JobsOptions): Jobs {
  const { machines } = config.equipment;
  const { relational, timeSeries } = stores;
  return {
    oee: new OeeService({
      machines,
      timeSeries,
      tagId: (gateway, device, name) => board.catalog.find(gateway, device, name)?.id,
      ...{ toldOfAll, onFigures },
      log: log.child({ part: 'oee' }),
      now,
    }),
    completeness: new CompletenessService({
      db: relational.db,
      timeSeries,
      gateways: () => board.gateways.all().map(({ id }) => id),
      timeZoneOf: (gateway) => machines.find((machine) => machine.gateway === gateway)?.timeZone ?? 'UTC',
      tagsOf: (gateway) => board.catalog.ofGateway(gateway),
      log: log.child({ part: 'completeness' }),
      now,
    }),
    rollups: new RollupJob({
      ...{ timeSeries, now },
      retention: config.timeSeries.retention,
      log: log.child({ part: 'summaries' }),
    }),
  };
}
