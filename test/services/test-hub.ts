/** The hub's HTTP side on real stores, without broker and ingest: what a test wants to see it puts in itself. */
import type { FleetCommand } from '@lineside/shared/contracts/fleet.ts';
import type { AcknowledgeCommand, ConfigPushCommand, TagWriteCommand } from '@lineside/shared/contracts/link.ts';
import { prometheusText } from '@lineside/shared/health/prometheus-text.ts';
import type { FastifyInstance } from 'fastify';
import { sql } from 'kysely';
import { pino } from 'pino';
import { Value } from 'typebox/value';
import { AlarmDesk } from '../../hub/alerts/alarm-desk.ts';
import { AndonBoard } from '../../hub/andon/board.ts';
import { buildApp } from '../../hub/api/app.ts';
import { Access } from '../../hub/auth/access.ts';
import { AuditLog } from '../../hub/auth/audit-log.ts';
import { CompletenessService } from '../../hub/completeness/completeness-service.ts';
import type { OidcConfig } from '../../hub/config/auth.ts';
import { HttpConfig } from '../../hub/config/http.ts';
import type { Enrolment } from '../../hub/enrolment/enrolment.ts';
import type { Machine } from '../../hub/equipment/plant.ts';
import { ConfigDesk } from '../../hub/fleet/config-desk.ts';
import { FleetDesk } from '../../hub/fleet/fleet-desk.ts';
import { RolloutDesk } from '../../hub/fleet/rollout-desk.ts';
import { Monitor } from '../../hub/monitoring/monitor.ts';
import { MqttAccounts } from '../../hub/mqtt-accounts/mqtt-accounts.ts';
import { noShift } from '../../hub/oee/oee.ts';
import { OeeService } from '../../hub/oee/oee-service.ts';
import { meaningOf } from '../../hub/oee/state-map.ts';
import { IdempotencyKeys } from '../../hub/store/postgres/idempotency-keys.ts';
import { WriteDesk } from '../../hub/writes/write-desk.ts';
import { type HubStores, openStores } from './hub-stores.ts';
import { testEquipment, testMachine } from './hub-world.ts';
import { testEnrolment } from './test-enrolment.ts';

export interface TestHubOptions {
  /** A relational store of the test's own; else an embedded one. */
  db?: HubStores['db'];
  /** As the configuration has it; the rest as it is without a word. */
  http?: Record<string, unknown>;
  monitoring?: Partial<ConstructorParameters<typeof Monitor>[0]>;
  machines?: Machine[];
  oidc?: OidcConfig;
  /** Other hubs of the test use the same tables. */
  shared?: boolean;
  /** What gateways are sent of the fleet's commands. */
  send?(gateway: string, command: FleetCommand | ConfigPushCommand): void;
}

export interface TestHub {
  stores: HubStores;
  app: FastifyInstance;
  url: string;
  board: AndonBoard;
  alarms: AlarmDesk;
  access: Access;
  password: string;
  sent: AcknowledgeCommand[];
  writes: WriteDesk;
  configs: ConfigDesk;
  fleet: FleetDesk;
  enrolment: Enrolment;
  /** What gateways were asked to write. */
  asked: TagWriteCommand[];
  faults: string[];
  hanging: string[];
  monitor: Monitor;
  /** Addresses from which the metrics may be read. */
  near: Set<string>;
  /** The Cookie header of a new session. */
  signIn(): Promise<string>;
  close(): Promise<void>;
}

export async function startTestHub(options: TestHubOptions = {}): Promise<TestHub> {
  const log = pino({ level: 'silent' });
  const now = Date.now;
  const monitor = new Monitor({ slowRequestMs: 1_000, slowQueryMs: 500, log, now, ...options.monitoring });
  const stores = await openStores((query) => monitor.sqlSeen(query), options.db);
  const { machines = [testMachine()], oidc } = options;
  const board = new AndonBoard({
    machines,
    meaningOf: (machine, code) => meaningOf(machine.state!, code),
    emptyOee: (_machine, at) => noShift(at, ''),
    now,
  });
  const sent: AcknowledgeCommand[] = [];
  const alarms = new AlarmDesk({
    db: stores.db,
    machineOf: (gateway, device) => board.machineOf(gateway, device),
    send: (_gateway, command) => sent.push(command),
    onChange: (alarm) => board.emit('alarm', alarm),
    now,
  });
  const asked: TagWriteCommand[] = [];
  const writes = new WriteDesk({
    db: stores.db,
    tag: (id) => board.catalog.current(id),
    unitOf: (gateway, device, tag) => board.catalog.find(gateway, device, tag)?.unit ?? '',
    online: (gateway) => board.gateways.get(gateway)?.online === true,
    machineOf: (gateway, device) => board.machineOf(gateway, device),
    send: (_gateway, command) => void asked.push(command),
    onJob: (job) => board.jobs.tell(job),
    log,
    now,
    answerMs: 1_500,
  });
  const tagId = (gateway: string, device: string, name: string) => board.catalog.find(gateway, device, name)?.id;
  const oee = new OeeService({
    machines,
    timeSeries: stores.timeSeries,
    tagId,
    toldOfAll: false,
    onFigures: () => undefined,
    log,
    now,
  });
  const audit = new AuditLog(stores.db, log);
  const { send = () => undefined } = options;
  const far = { online: (gateway: string) => board.gateways.get(gateway)?.online, send, log, now };
  const fleet = new FleetDesk(far);
  const configs = new ConfigDesk({
    ...{ ...far, fleet },
    configOf: (gateway) => board.gateways.get(gateway)?.configSha256 ?? '',
    note: (note) => audit.note(note),
  });
  const rollouts = new RolloutDesk({
    ...far,
    db: stores.db,
    shared: false,
    configs,
    fleet,
    onChange: () => undefined,
  });
  const completeness = new CompletenessService({
    db: stores.db,
    timeSeries: stores.timeSeries,
    gateways: () => board.gateways.all().map(({ id }) => id),
    timeZoneOf: () => 'Europe/Berlin',
    tagsOf: (gateway) => board.catalog.ofGateway(gateway),
    log,
    now,
  });
  const mqttAccounts = new MqttAccounts({
    ...{ db: stores.db, sites: ['hamburg'], unheard: '', log, now },
    takenBy: async () => '',
    onChanged: () => undefined,
  });
  const doors = testEnrolment(stores.db, stores.dir);
  const equipment = testEquipment();
  const access = new Access({
    ...{
      db: stores.db,
      shared: options.shared ?? false,
      audit,
      dataDir: stores.dir,
      passwordContext: ['lineside', 'Acme'],
      log,
      now,
    },
    config: { minPasswordLength: 12, ...(oidc && { oidc }) },
    clientSecret: oidc && 'secret',
    isPlace: (path) => machines.some((machine) => `${machine.path}/`.startsWith(`${path}/`)),
  });
  // Of several on the same tables the first has it.
  const password = (await access.start())?.password ?? '';
  const faults: string[] = [];
  const hanging: string[] = [];
  const near = new Set(['127.0.0.1']);
  const app = await buildApp({
    ...{
      access,
      board,
      alarms,
      writes,
      configs,
      ...doors,
      mqttAccounts,
      fleet,
      rollouts,
      oee,
      completeness,
      timeSeries: stores.timeSeries,
      retention: {},
      enterprise: 'Acme',
      equipment,
      machines,
      log,
      now,
    },
    faults: () => faults,
    hanging: () => hanging,
    starting: () => [],
    stores: { 'the relational store': () => sql`select 1`.execute(stores.db) },
    idempotency: new IdempotencyKeys(stores.db, now),
    http: Value.Default(HttpConfig, { ...options.http }) as HttpConfig,
    monitor,
    metrics: { isNear: (address) => near.has(address), text: () => prometheusText(monitor.metrics()) },
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    ...{ stores, app, url, board, alarms, access, password, sent, faults, hanging },
    ...{ monitor, near, writes, configs, fleet, asked, enrolment: doors.enrolment },
    async signIn() {
      const { token } = await access.sessions.login('admin', password, { address: 'test', requestId: '' });
      return `lineside_session=${token}`;
    },
    async close() {
      writes.stop();
      access.stop();
      await app.close();
      await stores.close();
    },
  };
}
