/** Joins the hub's parts: broker → ingest → stores → board, OEE, alarms → API. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandReply, GatewayStatus, Hello } from '@lineside/shared/contracts/link.ts';
import type { GatewayTopic } from '@lineside/shared/contracts/topics.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { DaemonContext } from '@lineside/shared/lifecycle/daemon.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { resolveTls } from '@lineside/shared/mqtt/broker-host.ts';
import { type Credentials, readCredentials } from '@lineside/shared/mqtt/credentials.ts';
import { endpointOf } from '@lineside/shared/mqtt/endpoint.ts';
import { Value } from 'typebox/value';
import { AlarmDesk } from './alerts/alarm-desk.ts';
import { AndonBoard } from './andon/board.ts';
import { buildApp } from './api/app.ts';
import { AuthService } from './auth/auth-service.ts';
import { BrokerClient } from './broker/broker-client.ts';
import { EmbeddedBroker } from './broker/embedded-broker.ts';
import type { GatewayBus, GatewayMessage } from './broker/gateway-bus.ts';
import type { IntegratorDoor } from './broker/integrator-door.ts';
import { bothDoors, type PublisherDoor } from './broker/publisher-door.ts';
import { CompletenessService } from './completeness/completeness-service.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { ConfigDesk } from './fleet/config-desk.ts';
import { ForeignPart } from './foreign-part.ts';
import { type Arrival, Ingest } from './ingest/ingest.ts';
import { relationalLedger } from './ingest/relational-ledger.ts';
import { noShift } from './oee/oee.ts';
import { OeeService } from './oee/oee-service.ts';
import { meaningOf } from './oee/state-map.ts';
import { SparkplugPart } from './sparkplug-part.ts';
import { replaceEquipment } from './store/postgres/equipment.ts';
import { listGateways, upsertGatewayStatus } from './store/postgres/gateways.ts';
import { watermarks } from './store/postgres/ledger.ts';
import { openRelational, type Relational } from './store/postgres/relational.ts';
import { listTags } from './store/postgres/tags.ts';
import { DuckDbStore } from './store/timeseries/duckdb/duckdb-store.ts';
import { UnsPart } from './uns-part.ts';
import { WriteDesk } from './writes/write-desk.ts';

/** A commit that takes longer than this is no progress. Milliseconds. */
const INGEST_SILENCE_MS = 30_000;

const STORE_STATUS_MS = 30_000;

/** Opens everything in the order in which it is needed; each part is closed by `context.unwind`. */
export async function startHub(config: LoadedHubConfig, log: Logger, context: DaemonContext): Promise<string> {
  const { unwind, progress } = context;
  const now = Date.now;
  // Not part of `check`: under systemd the files are there only while the hub runs.
  const accounts = config.gateways.map(({ id, passwordFile }) => ({ name: id, passwordFile }));
  const credentials = readCredentials(accounts, config.resolvePath, `${config.file}: gateway`);
  const dataDir = config.resolvePath(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  const faults = new Set<string>();

  const relational = await openRelational({
    dataDir: join(dataDir, 'relational'),
    log: log.child({ part: 'relational' }),
    onFailure: (error) => {
      faults.add(error.message);
      // Nothing can be committed any more; a fresh process can, and the gateways keep their data meanwhile.
      process.kill(process.pid, 'SIGTERM');
    },
  });
  unwind.defer('relational store', () => relational.close());
  const timeSeries = new DuckDbStore({
    file: join(dataDir, 'timeseries.duckdb'),
    memoryLimit: config.timeSeries.memoryLimit,
    log: log.child({ part: 'time series' }),
  });
  await timeSeries.open();
  unwind.defer('time series', () => timeSeries.close());

  const { equipment } = config;
  await replaceEquipment(relational.db, equipment.nodes);
  const board = new AndonBoard({
    machines: equipment.machines,
    meaningOf: (machine, code) => meaningOf(machine.state!, code),
    emptyOee: (machine, at) => ({ ...noShift(at, machine.counters?.unit ?? ''), reason: 'not calculated yet' }),
    now,
  });
  await restoreBoard(board, config, relational, timeSeries);

  const uns = config.uns.enabled
    ? new UnsPart({
        ...{ config, board, now },
        request: (by, tag, value, comment) => writes.request(by, tag, value, comment),
        openAlarms: () => alarms.open(),
        log: log.child({ part: 'uns' }),
      })
    : undefined;
  const outsiders = {
    ...{ config, now },
    take: (name: string, envelope: Buffer) => ingest.data(name, envelope),
    quarantine: (name: string, reason: string, message: Buffer) => ingest.quarantine(name, reason, message),
    report: (status: GatewayStatus) => {
      if (status.online) board.gateways.heard(status.gateway, now());
      board.report(status);
    },
  };
  const foreign = new ForeignPart({ ...outsiders, log: log.child({ part: 'sources' }) });
  const sparkplug = config.sparkplug
    ? new SparkplugPart({
        ...outsiders,
        settings: config.sparkplug,
        before: (source, device, name) => {
          const last = board.last(board.catalog.find(source, device, name)?.id ?? -1);
          return last && { at: last[1], value: last[2], quality: last[3] };
        },
        log: log.child({ part: 'sparkplug' }),
      })
    : undefined;
  const broker = busOf(
    config,
    credentials,
    { integrators: uns?.door, publishers: sparkplug ? bothDoors(foreign.door, sparkplug.door) : foreign.door },
    log.child({ part: 'broker' }),
    () => {
      // What was said while the broker was away, nobody has heard.
      for (const { id } of board.gateways.all()) {
        alarms
          .repeatFor(id)
          .catch((error: unknown) => log.warn({ error: messageOf(error) }, 'commands not repeated'));
      }
    },
  );

  const alarms = new AlarmDesk({
    db: relational.db,
    machineOf: (gateway, device) => board.machineOf(gateway, device),
    send: (gateway, command) => broker.command(gateway, command),
    onChange: (alarm) => board.emit('alarm', alarm),
    now,
  });
  await alarms.start();

  const writes = new WriteDesk({
    db: relational.db,
    tag: (id) => board.catalog.current(id),
    unitOf: (gateway, device, tag) => board.catalog.find(gateway, device, tag)?.unit ?? '',
    online: (gateway) => board.gateways.get(gateway)?.online === true,
    machineOf: (gateway, device) => board.machineOf(gateway, device),
    send: (gateway, command) => broker.command(gateway, command),
    log: log.child({ part: 'writes' }),
    now,
  });

  const configs = new ConfigDesk({
    online: (gateway) => board.gateways.get(gateway)?.online,
    send: (gateway, command) => broker.command(gateway, command),
    log: log.child({ part: 'fleet' }),
    now,
  });

  const oee = new OeeService({
    machines: equipment.machines,
    timeSeries,
    tagId: (gateway, device, name) => board.catalog.find(gateway, device, name)?.id,
    onFigures: (path, figures) => board.setFigures(path, figures),
    log: log.child({ part: 'oee' }),
    now,
  });

  const ingest = new Ingest({
    timeSeries,
    ledger: relationalLedger(relational.db, now),
    answer: (gateway, committed) => {
      if (foreign.answered(gateway, committed) || sparkplug?.answered(gateway, committed)) return;
      broker.answer(gateway, { ...committed, at: now() });
    },
    onArrival: (arrival) => {
      showArrival(board, arrival);
      uns?.observe(arrival.samples);
    },
    onTags: (gateway, tags, ids) => {
      board.catalog.add(tags.map((tag) => ({ ...tag, gateway, id: ids.get(tag.id)! })));
      uns?.tagsChanged(ids.values());
    },
    onCommitted: (run, samples, changed) => {
      board.gateways.committed(run.gateway, run.samples);
      for (const { tags, at } of samples) oee.stored(tags, at);
      for (const { event } of run.events) if (event.kind === 'write') writes.decided(run.gateway, event);
      alarms.changed(changed).catch((error: unknown) => log.error({ error: messageOf(error) }, 'alarms not read'));
    },
    onQuarantine: (gateway) => board.emit('gateway', board.gateways.quarantined(gateway)),
    log: log.child({ part: 'ingest' }),
    progress: progress.part('ingest', { maxSilenceMs: INGEST_SILENCE_MS }),
  });
  await ingest.start();
  unwind.defer('ingest', () => ingest.stop());

  const completeness = new CompletenessService({
    db: relational.db,
    timeSeries,
    gateways: () => board.gateways.all().map(({ id }) => id),
    timeZoneOf: (gateway) => equipment.machines.find((machine) => machine.gateway === gateway)?.timeZone ?? 'UTC',
    tagsOf: (gateway) => board.catalog.ofGateway(gateway),
    log: log.child({ part: 'completeness' }),
    now,
  });

  const auth = new AuthService({ db: relational.db, firstPasswordFile: join(dataDir, 'first-password'), now });
  const first = await auth.start();
  const app = await buildApp({
    auth,
    board,
    alarms,
    writes,
    configs,
    oee,
    completeness,
    timeSeries,
    enterprise: equipment.enterprise,
    equipment: equipment.nodes,
    machines: equipment.machines,
    faults: () => [
      ...faults,
      ...(broker.fault ? [broker.fault] : []),
      ...(ingest.counts.fault ? [`cannot commit: ${ingest.counts.fault}`] : []),
      ...progress.overdue().map(({ name }) => `${name} makes no progress`),
    ],
    log: log.child({ part: 'api' }),
    now,
  });
  unwind.defer('api', () => app.close());
  // Before the API: whoever waits is told.
  unwind.defer('writes', () => writes.stop());
  unwind.defer('fleet', () => configs.gone());
  const url = await listen(app, config);

  board.start();
  unwind.defer('board', () => board.stop());
  oee.start();
  unwind.defer('oee', () => oee.stop());
  completeness.start();
  unwind.defer('completeness', () => completeness.stop());

  await broker.start((message) => receive(message, { ingest, board, alarms, writes, configs, relational }));
  unwind.defer('broker', () => broker.stop());
  foreign.start();
  unwind.defer('sources', () => foreign.stop());
  if (sparkplug) {
    unwind.defer('Sparkplug host', () => sparkplug.stop());
    sparkplug.start(broker);
  }
  if (uns) {
    unwind.defer('topics for integrators', () => uns.stop());
    uns.start(broker);
  }

  log.info({ url, mqtt: mqttAddress(config, broker), machines: equipment.machines.length }, 'serving');
  process.send?.({
    url,
    mqttPort: broker instanceof EmbeddedBroker ? broker.port : undefined,
    firstUser: first?.user,
    firstPassword: first?.password,
    firstPasswordFile: auth.firstPasswordFile,
  });
  // Never into the log: systemd keeps it, and so may others.
  if (first && !process.send) {
    process.stderr.write(`\nFirst user: ${first.user}\nPassword:   kept in ${auth.firstPasswordFile}\n\n`);
  }
  return `serving ${url}`;
}

function busOf(
  config: LoadedHubConfig,
  credentials: Credentials,
  doors: { integrators: IntegratorDoor | undefined; publishers: PublisherDoor },
  log: Logger,
  onConnected: () => void,
): GatewayBus {
  const { broker, tls, accounts: _accounts, ...listen } = config.mqtt;
  const { resolvePath } = config;
  if (broker) {
    const endpoint = { ...endpointOf(broker, resolvePath), username: broker.username };
    return new BrokerClient({ endpoint, onConnected, log });
  }
  return new EmbeddedBroker({ ...listen, tls: resolveTls(tls, resolvePath), credentials, ...doors, log });
}

function mqttAddress({ mqtt }: LoadedHubConfig, bus: GatewayBus): string {
  if (!(bus instanceof EmbeddedBroker)) return mqtt.broker!.url;
  return `${mqtt.tls ? 'mqtts' : 'mqtt'}://${mqtt.host}:${bus.port}`;
}

interface Receivers {
  ingest: Ingest;
  board: AndonBoard;
  alarms: AlarmDesk;
  writes: WriteDesk;
  configs: ConfigDesk;
  relational: Relational;
}

/** When each gateway's status was last written. */
const storedAt = new Map<string, number>();

async function receive({ gateway, kind, payload, retained }: GatewayMessage, receivers: Receivers): Promise<void> {
  const { ingest, board, alarms, writes, configs, relational } = receivers;
  // A gateway that is there speaks every few seconds; what a broker kept of it says nothing of now.
  if (retained) return;
  board.gateways.heard(gateway, Date.now());
  if (kind === 'data') {
    await ingest.data(gateway, payload);
    return;
  }
  if (kind === 'live') {
    await ingest.live(gateway, payload);
    return;
  }
  const message = parse(payload);
  if (kind === 'hello' && Value.Check(Hello, message)) {
    await ingest.hello(gateway, message);
    await alarms.repeatFor(gateway);
  } else if (kind === 'reply' && Value.Check(CommandReply, message)) {
    if (message.type === 'tag.write') await writes.replied(gateway, message);
    else if (message.type === 'config.push') configs.replied(gateway, message);
    else await alarms.refused(gateway, message);
  } else if (kind === 'status' && Value.Check(GatewayStatus, message) && message.gateway === gateway) {
    const changed = board.gateways.get(gateway)?.online !== message.online;
    board.report(message);
    if (!message.online) {
      writes.gone(gateway);
      configs.gone(gateway);
    }
    // A status comes every few seconds; on disk it need not be that fresh.
    if (changed || Date.now() - (storedAt.get(gateway) ?? 0) > STORE_STATUS_MS) {
      storedAt.set(gateway, Date.now());
      await upsertGatewayStatus(relational.db, message, Date.now());
    }
  } else await refuse(gateway, kind, payload, receivers);
}

async function refuse(gateway: string, kind: GatewayTopic, payload: Buffer, receivers: Receivers): Promise<void> {
  await receivers.ingest.quarantine(gateway, `a ${kind} message that does not fit its schema`, payload);
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}

function showArrival(board: AndonBoard, { gateway, samples, frames }: Arrival): void {
  for (const { device, receivedAt } of frames) board.seen(gateway, device, receivedAt);
  board.observe(samples);
}

async function restoreBoard(
  board: AndonBoard,
  config: LoadedHubConfig,
  { db }: Relational,
  timeSeries: DuckDbStore,
): Promise<void> {
  board.catalog.add(await listTags(db));
  const stored = new Map<string, number>();
  for (const { gateway, samples } of await watermarks(db)) stored.set(gateway, (stored.get(gateway) ?? 0) + samples);
  const seen = new Map((await listGateways(db)).map((gateway) => [gateway.id, gateway]));
  for (const id of new Set([...config.gateways.map((gateway) => gateway.id), ...seen.keys()])) {
    const before = seen.get(id);
    const lastSeenAt = before?.last_seen_at ?? null;
    // One that was online when this hub ended has been out of its sight since then.
    const since = before?.online ? lastSeenAt : (before?.online_since ?? null);
    board.gateways.know({ id, lastSeenAt, since, samplesStored: stored.get(id) ?? 0 });
  }
  board.restore((await timeSeries.last()).map(({ tag, at, value, quality }) => [tag, at, value, quality]));
}

async function listen(app: Awaited<ReturnType<typeof buildApp>>, config: LoadedHubConfig): Promise<string> {
  const { host, port } = config.http;
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const words = `port ${port} on ${host} is taken by another program; set http.port in the hub's configuration`;
    throw new LinesideError('PORT_TAKEN', 'config', words, { cause: error });
  }
}
