/** The hub's HTTP side on real stores, without broker and ingest: what a test wants to see it puts in itself. */
import type { AcknowledgeCommand, TagWriteCommand } from '@lineside/shared/contracts/link.ts';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { AlarmDesk } from '../../hub/alerts/alarm-desk.ts';
import { AndonBoard } from '../../hub/andon/board.ts';
import { buildApp } from '../../hub/api/app.ts';
import { Access } from '../../hub/auth/access.ts';
import { CompletenessService } from '../../hub/completeness/completeness-service.ts';
import type { OidcConfig } from '../../hub/config/auth.ts';
import type { Machine } from '../../hub/equipment/plant.ts';
import { ConfigDesk } from '../../hub/fleet/config-desk.ts';
import { noShift } from '../../hub/oee/oee.ts';
import { OeeService } from '../../hub/oee/oee-service.ts';
import { meaningOf } from '../../hub/oee/state-map.ts';
import { WriteDesk } from '../../hub/writes/write-desk.ts';
import { type HubStores, openStores } from './hub-stores.ts';
import { testMachine } from './hub-world.ts';

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
  /** What gateways were asked to write. */
  asked: TagWriteCommand[];
  faults: string[];
  /** The Cookie header of a new session. */
  signIn(): Promise<string>;
  close(): Promise<void>;
}

export async function startTestHub({
  machines = [testMachine()],
  oidc,
}: {
  machines?: Machine[];
  oidc?: OidcConfig;
} = {}): Promise<TestHub> {
  const stores = await openStores();
  const log = pino({ level: 'silent' });
  const now = Date.now;
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
    log,
    now,
    answerMs: 400,
  });
  const tagId = (gateway: string, device: string, name: string) => board.catalog.find(gateway, device, name)?.id;
  const oee = new OeeService({
    machines,
    timeSeries: stores.timeSeries,
    tagId,
    onFigures: () => undefined,
    log,
    now,
  });
  const configs = new ConfigDesk({
    online: (gateway) => board.gateways.get(gateway)?.online,
    send: () => undefined,
    log,
    now,
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
  const equipment = [{ path: 'acme', parent: null, level: 'enterprise' as const, name: 'Acme', settings: {} }];
  const access = new Access({
    ...{ db: stores.db, dataDir: stores.dir, passwordContext: ['lineside', 'Acme'], log, now },
    config: { minPasswordLength: 12, ...(oidc && { oidc }) },
    clientSecret: oidc && 'secret',
    isPlace: (path) => machines.some((machine) => `${machine.path}/`.startsWith(`${path}/`)),
  });
  const { password } = (await access.start())!;
  const faults: string[] = [];
  const app = await buildApp({
    ...{
      access,
      board,
      alarms,
      writes,
      configs,
      oee,
      completeness,
      timeSeries: stores.timeSeries,
      enterprise: 'Acme',
      equipment,
      machines,
      log,
      now,
    },
    faults: () => faults,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    ...{ stores, app, url, board, alarms, access, password, sent, faults, writes, configs, asked },
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
