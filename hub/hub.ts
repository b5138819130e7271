/** Joins the hub's parts: broker → ingest → stores → board, OEE, alarms → API. */
import type { GatewayStatus } from '@lineside/shared/contracts/link.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { DaemonContext } from '@lineside/shared/lifecycle/daemon.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { AccessPart } from './access-part.ts';
import { serveApi, serveHealth } from './api-part.ts';
import { AuditLog } from './auth/audit-log.ts';
import { startBackups } from './backup-part.ts';
import { restoredBoard } from './board-part.ts';
import { EmbeddedBroker } from './broker/embedded-broker.ts';
import { bothDoors } from './broker/publisher-door.ts';
import { RefusedPublications } from './broker/refused-publications.ts';
import { gatewayBus, gatewayCredentials, mqttAddress } from './bus-part.ts';
import { CertificatesPart } from './certificates-part.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import { ControlSocket } from './control/control-socket.ts';
import { openDesks } from './desks-part.ts';
import { gatewayNotices } from './enrolment/gateway-notices.ts';
import { FiguresPart } from './figures-part.ts';
import { ForeignPart } from './foreign-part.ts';
import { type Arrival, Ingest } from './ingest/ingest.ts';
import { relationalLedger } from './ingest/relational-ledger.ts';
import { makeJobs } from './jobs-part.ts';
import { heardByOthers } from './listener-part.ts';
import { watchedStore } from './monitoring/watched-store.ts';
import { metricsDoor, openMonitor } from './monitoring-part.ts';
import { takePlace } from './place-part.ts';
import { Receiver } from './receiver.ts';
import { ReplicaPart } from './replica-part.ts';
import { SparkplugPart } from './sparkplug-part.ts';
import { replaceEquipment } from './store/postgres/equipment.ts';
import { takeNotes } from './store/postgres/left-notes.ts';
import { openStores } from './stores-part.ts';
import { UnsPart } from './uns-part.ts';

/** A commit that takes longer than this is no progress. Milliseconds. */
const INGEST_SILENCE_MS = 30_000;

/** Opens everything in the order in which it is needed; each part is closed by `context.unwind`. */
export async function startHub(config: LoadedHubConfig, log: Logger, context: DaemonContext): Promise<string> {
  const { unwind, progress, stopping } = context;
  const now = Date.now;
  const credentials = gatewayCredentials(config);
  const faults = new Set<string>();
  const hanging = () => progress.overdue().map(({ name }) => `${name} makes no progress`);
  let started = false;
  const monitor = await openMonitor(config, log, unwind);
  const opened = await openStores(config, {
    ...{ log, unwind, stopping },
    onQuery: (query) => monitor.sqlSeen(query),
    onFailure: (words) => {
      faults.add(words);
      // Nothing can be committed any more; a fresh process can, and the gateways keep their data meanwhile.
      process.kill(process.pid, 'SIGTERM');
    },
  });
  const timeSeries = watchedStore(opened.timeSeries, (call) => monitor.callSeen(call));
  const stores = { ...opened, timeSeries };
  const { relational } = stores;
  const onTakenOver = (words: string) => {
    faults.add(words);
    log.error(words);
    process.kill(process.pid, 'SIGTERM');
  };
  await takePlace({ config, relational, unwind, stopping, onTakenOver, log: log.child({ part: 'replicas' }) });
  await replaceEquipment(relational.db, config.equipment.nodes);
  await takeNotes(stores.dataDir, relational.db, log);
  const board = await restoredBoard(config, stores, now);

  const control = new ControlSocket(stores.dataDir);
  const access = new AccessPart({
    ...{ config, stores, now },
    onEnrolled: (id) => board.gateways.expect(id),
    onRevoked: (id, serial) => {
      const view = board.gateways.revoked(id, serial);
      if (view) board.emit('gateway', view);
    },
    log: log.child({ part: 'access' }),
  });
  const certificates = new CertificatesPart({
    ...{ dataDir: stores.dataDir, now, authority: () => access.authority() },
    log: log.child({ part: 'certificates' }),
  });
  const audit = new AuditLog(relational.db, log.child({ part: 'audit' }));
  const refused = new RefusedPublications({
    note: (note) => audit.note(note),
    tagOfSet: (topic) => uns?.tagOfSet(topic),
    now,
  });
  unwind.defer('refused publications', () => refused.stop());
  const uns = config.uns.enabled
    ? new UnsPart({
        ...{ config, board, now, accounts: access.accounts },
        request: (actor, tag, value, comment) => writes.request(actor, tag, value, comment),
        openAlarms: () => alarms.open(),
        onRefused: (each) => refused.take(each),
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
  const replica = new ReplicaPart({
    ...{ config, relational, log: log.child({ part: 'replicas' }) },
    ingest: () => ingest,
    onTaken: (gateways) => listener?.forget(gateways),
    singles: [
      {
        lease: 'sources',
        start: () => {
          foreign.start();
          sparkplug?.start(bus);
        },
      },
      {
        lease: 'jobs',
        start: () => {
          jobs.oee.start();
          jobs.completeness.start();
          jobs.rollups.start();
          uns?.start(bus);
        },
      },
    ],
    onTakenOver,
  });
  const bus = gatewayBus({
    ...{ config, credentials, certificates: access.enrolment, tls: await access.tls(certificates) },
    integrators: uns?.door,
    publishers: sparkplug ? bothDoors(foreign.door, sparkplug.door) : foreign.door,
    onRefused: (each) => refused.take(each),
    onConnected: () => {
      // What was said while the broker was away, nobody has heard.
      for (const { id } of board.gateways.all()) {
        if (!replica.takes(id)) continue;
        alarms
          .repeatFor(id)
          .catch((error: unknown) => log.warn({ error: messageOf(error) }, 'commands not repeated'));
      }
    },
    shared: replica.replicated
      ? {
          clientId: `${config.mqtt.broker!.username}-${replica.id}`,
          onAnswer: (gateway, committed) => listener?.committed(gateway, committed),
        }
      : undefined,
    log: log.child({ part: 'broker' }),
  });
  const desks = await openDesks({
    ...{ board, relational, audit, log, now },
    send: (gateway, command) => bus.command(gateway, command),
  });
  const { alarms, writes } = desks;
  const figures = new FiguresPart({
    ...{ relational, board, replicated: replica.replicated, log: log.child({ part: 'figures' }), now },
    runsJobs: () => replica.runsJobs(),
  });
  const jobs = makeJobs({
    ...{ config, board, stores, log, now, toldOfAll: !replica.replicated },
    onFigures: (path, made) => figures.made(path, made),
  });
  const show = ({ gateway, samples, frames }: Arrival) => {
    for (const { device, receivedAt } of frames) board.seen(gateway, device, receivedAt);
    board.observe(samples);
    uns?.observe(samples);
  };
  const alarmsChanged = (occurrences: string[]) =>
    void alarms
      .changed(occurrences)
      .catch((error: unknown) => log.error({ error: messageOf(error) }, 'alarms not read'));
  const listener =
    replica.replicated && (replica.has('api') || replica.has('jobs'))
      ? heardByOthers({ relational, board, jobs, writes, show, alarmsChanged, log })
      : undefined;

  const ingest = new Ingest({
    timeSeries,
    ledger: relationalLedger(relational.db, now, {
      restored: stores.restored,
      leaseOf: (gateway, term) => replica.leaseOf(gateway, term),
    }),
    answer: (gateway, committed) => {
      if (foreign.answered(gateway, committed) || sparkplug?.answered(gateway, committed)) return;
      bus.answer(gateway, { ...committed, at: now() });
    },
    termOf: (gateway) => replica.termOf(gateway),
    onArrival: (arrival) => {
      monitor.arrived(arrival.gateway, arrival.frames.at(-1)?.receivedAt);
      show(arrival);
    },
    onTags: (gateway, tags, ids) => {
      board.catalog.add(tags.map((tag) => ({ ...tag, gateway, id: ids.get(tag.id)! })));
      uns?.tagsChanged(ids.values());
    },
    onCommitted: (run, samples, changed) => {
      board.gateways.committed(run.gateway, run.samples);
      monitor.committed(run.gateway);
      for (const columns of samples) jobs.oee.stored(columns);
      for (const { event } of run.events) if (event.kind === 'write') writes.decided(run.gateway, event);
      alarmsChanged(changed);
    },
    aroundCommit: (size, commit) => monitor.commit({ ...size }, commit),
    onQuarantine: (gateway) => board.emit('gateway', board.gateways.quarantined(gateway)),
    log: log.child({ part: 'ingest' }),
    progress: progress.part('ingest', { maxSilenceMs: INGEST_SILENCE_MS }),
  });
  await ingest.start();
  unwind.defer('leases', () => replica.stop());
  stopping.addEventListener('abort', () => replica.settle());
  unwind.defer('ingest', () => ingest.stop());

  const backups = await startBackups({
    config,
    stores,
    audit,
    control,
    unwind,
    log: log.child({ part: 'backup' }),
    now,
  });
  const serve = replica.has('api') ? serveApi : serveHealth;
  const describeFaults = () => [
    ...faults,
    ...(relational.fault ? [relational.fault] : []),
    ...(replica.fault && !relational.fault ? [replica.fault] : []),
    ...(bus.fault ? [bus.fault] : []),
    ...(ingest.counts.fault ? [`cannot commit: ${ingest.counts.fault}`] : []),
    ...(timeSeries.fault && !ingest.counts.fault ? [timeSeries.fault] : []),
    ...hanging(),
  ];
  const metrics = metricsDoor(
    config,
    monitor,
    {
      board,
      alarms,
      ingest,
      bus,
      backups,
      certificates,
      faults: () => [...describeFaults(), ...certificates.faults()],
    },
    unwind,
  );
  const { url, firstPasswordFile, first } = await serve({
    ...{
      config,
      stores,
      board,
      desks,
      jobs,
      access,
      certificates,
      audit,
      control,
      monitor,
      metrics,
      unwind,
      log,
      now,
    },
    ...{ faults: describeFaults, faultsBeside: () => certificates.faults(), hanging },
    starting: () => (started ? [] : ['the broker is not up yet']),
    notices: () =>
      [backups?.fault() ?? '', ...certificates.notices(), ...gatewayNotices(board.gateways.all(), now())].filter(
        (words) => words !== '',
      ),
  });

  board.start();
  unwind.defer('board', () => board.stop());
  figures.start();
  unwind.defer('figures', () => figures.stop());
  unwind.defer('oee', () => jobs.oee.stop());
  unwind.defer('completeness', () => jobs.completeness.stop());
  unwind.defer('summaries', () => jobs.rollups.stop());

  const receiver = new Receiver({
    ingest,
    board,
    ...desks,
    relational,
    replica,
    listener,
    now,
    renew: async (gateway, request) => {
      const answer = await access.enrolment.renew(gateway, request);
      if (answer) bus.certificate(gateway, answer);
      return answer !== null;
    },
  });
  await bus.start((message) => {
    monitor.messageSeen(message.kind);
    return receiver.take(message);
  });
  unwind.defer('broker', () => bus.stop());
  await access.start(bus, control, unwind);
  certificates.start(unwind);
  unwind.defer('control socket', () => control.stop());
  await control.start(log);
  unwind.defer('sources', () => foreign.stop());
  if (sparkplug) unwind.defer('Sparkplug host', () => sparkplug.stop());
  if (uns) unwind.defer('topics for integrators', () => uns.stop());
  await replica.start();
  started = true;

  log.info(
    { url, mqtt: mqttAddress(config, bus), roles: config.roles.join(), machines: config.equipment.machines.length },
    'serving',
  );
  process.send?.({
    url,
    ...(bus instanceof EmbeddedBroker ? { mqttPort: bus.port, mqttTlsPort: bus.tlsPort } : {}),
    firstUser: first?.user,
    firstPassword: first?.password,
    firstPasswordFile,
  });
  // Never into the log: systemd keeps it, and so may others.
  if (first && !process.send) {
    process.stderr.write(`\nFirst user: ${first.user}\nPassword:   kept in ${firstPasswordFile}\n\n`);
  }
  return `serving ${url}`;
}
