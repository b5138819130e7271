/** What people ask of gateways: to acknowledge, to set a tag, to take over a configuration. */
import type { Command } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { AlarmDesk } from './alerts/alarm-desk.ts';
import type { AndonBoard } from './andon/board.ts';
import type { AuditLog } from './auth/audit-log.ts';
import { ConfigDesk } from './fleet/config-desk.ts';
import { FleetDesk } from './fleet/fleet-desk.ts';
import { RolloutDesk } from './fleet/rollout-desk.ts';
import type { Relational } from './store/postgres/relational.ts';
import { WriteDesk } from './writes/write-desk.ts';

export interface Desks {
  alarms: AlarmDesk;
  writes: WriteDesk;
  configs: ConfigDesk;
  fleet: FleetDesk;
  rollouts: RolloutDesk;
}

export interface DesksOptions {
  board: AndonBoard;
  relational: Relational;
  audit: AuditLog;
  send(gateway: string, command: Command): void;
  log: Logger;
  now(): number;
}

/** Whoever looks at rollouts asks for them again. */
const ROLLOUT = {
  kind: 'rollout',
  title: 'Rollout',
  by: '',
  gateway: '',
  machine: '',
  progress: null,
  detail: '',
  state: 'done',
} as const;

export async function openDesks({ board, relational, audit, send, log, now }: DesksOptions): Promise<Desks> {
  const { db } = relational;
  const alarms = new AlarmDesk({
    db,
    machineOf: (gateway, device) => board.machineOf(gateway, device),
    send,
    onChange: (alarm) => board.emit('alarm', alarm),
    now,
  });
  await alarms.start();
  const writes = new WriteDesk({
    db,
    tag: (id) => board.catalog.current(id),
    unitOf: (gateway, device, tag) => board.catalog.find(gateway, device, tag)?.unit ?? '',
    online: (gateway) => board.gateways.get(gateway)?.online === true,
    machineOf: (gateway, device) => board.machineOf(gateway, device),
    send,
    onJob: (job) => board.jobs.tell(job),
    log: log.child({ part: 'writes' }),
    now,
  });
  const far = {
    online: (gateway: string) => board.gateways.get(gateway)?.online,
    ...{ send, log: log.child({ part: 'fleet' }), now },
  };
  const fleet = new FleetDesk(far);
  const configs = new ConfigDesk({
    ...{ ...far, fleet },
    configOf: (gateway) => board.gateways.get(gateway)?.configSha256 ?? '',
    note: (note) => audit.note(note),
  });
  const rollouts = new RolloutDesk({
    ...{ ...far, db, shared: relational.shared, configs, fleet },
    onChange: (id) => board.jobs.tell({ ...ROLLOUT, id, at: now(), changedAt: now() }),
  });
  await rollouts.start();
  return { alarms, writes, configs, fleet, rollouts };
}
