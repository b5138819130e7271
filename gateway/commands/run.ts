/** `gateway run`: collects until it is stopped. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_OPTION, type Command, configFile, sayProblems } from '@lineside/shared/cli/command.ts';
import { formatWarning } from '@lineside/shared/config/config-document.ts';
import { VERSION } from '@lineside/shared/config/version.ts';
import { qualityName } from '@lineside/shared/contracts/quality.ts';
import { processFigures } from '@lineside/shared/health/common-metrics.ts';
import { EventLoopLag } from '@lineside/shared/health/event-loop-lag.ts';
import { PROMETHEUS_TYPE, prometheusText } from '@lineside/shared/health/prometheus-text.ts';
import { type DaemonContext, runDaemon } from '@lineside/shared/lifecycle/daemon.ts';
import { DirectoryLock } from '@lineside/shared/lifecycle/directory-lock.ts';
import { LogRing } from '@lineside/shared/log/log-ring.ts';
import { createLogger, type Logger } from '@lineside/shared/log/logger.ts';
import { loadConfigAside } from '../config/load-config-aside.ts';
import { ConfigPush } from '../config-push.ts';
import { loadForStart, type Start } from '../config-trial.ts';
import { TrustStore } from '../drivers/opcua/security-store.ts';
import { type GatewayFigures, gatewayMetrics } from '../health/gateway-metrics.ts';
import type { LocalCertificates } from '../local/certificate-routes.ts';
import { type LocalPicture, LocalServer } from '../local/local-server.ts';
import { Pipeline } from '../pipeline.ts';
import { Reloader, type ReloadOutcome } from '../reloader.ts';
import { RemoteDesk } from '../remote-desk.ts';
import { newestFileTime, WallClock } from '../wall-clock.ts';

export const run: Command = {
  words: 'run',
  summary: 'collect from the devices and stream to the hub until stopped',
  options: CONFIG_OPTION,
  async run(args) {
    const file = configFile(args);
    if (!file) return 2;
    let from: Start;
    try {
      from = loadForStart(file);
    } catch (error) {
      return sayProblems(error);
    }
    const { config } = from;
    const ring = new LogRing();
    const log = createLogger({ name: `gateway ${config.gateway.id}`, level: String(config.log.level), ring });
    return runDaemon(log, (context) => start(from, log, ring, context));
  },
};

async function start(
  { config, trial, problem }: Start,
  log: Logger,
  ring: LogRing,
  { unwind, progress, restart }: DaemonContext,
): Promise<string> {
  const dataDir = config.resolvePath(config.dataDir);
  const lock = new DirectoryLock(dataDir);
  await lock.acquire();
  unwind.defer('data directory', () => lock.release());

  for (const warning of config.warnings) log.warn(formatWarning(warning));
  const hangup = hangups();
  const clock = new WallClock({
    log: log.child({ part: 'clock' }),
    knownUntil: newestFileTime(join(dataDir, 'buffer')),
  });
  const { now } = clock;
  const pipeline = new Pipeline({
    config,
    dataDir,
    version: VERSION,
    log,
    now,
    progress,
    onConfig: (command, notAfter) => push.take(command, notAfter),
    onFleet: (command, notAfter, tell) => remote.answer(command, notAfter, tell),
    trial: () => push.trial,
  });
  clock.onStep = (stepMs, at) => pipeline.clockStepped(stepMs, at);
  const onOutcome = ({ at, by, result, problems, changes }: ReloadOutcome) =>
    pipeline.buffer.addEvent({ kind: 'config', at, by, result, problems: problems.slice(0, 10), ...changes });
  const reloader = new Reloader({
    ...{ pipeline, onOutcome },
    log: log.child({ part: 'reload' }),
    now,
  });
  const push = new ConfigPush({
    file: config.file,
    running: () => pipeline.config,
    load: loadConfigAside,
    reload: (by, load) => reloader.reload(by, load),
    ...{ trial, notRestarted, restart, onOutcome, now },
    onTrial: () => pipeline.link?.statusChanged(),
    log: log.child({ part: 'reload' }),
  });
  await push.open(problem);
  unwind.defer('configuration on trial', () => push.stop());
  const remote = new RemoteDesk({
    ...{ running: () => pipeline.config, push, ring, restart, notRestarted },
    driver: (device) => pipeline.driver(device),
    browse: async (ask, tell) => (await import('./remote-looks.ts')).lookAtServer(pipeline.config, ask, tell),
    probe: async (ask, tell) => (await import('./remote-looks.ts')).lookAtModbus(ask, tell),
    log: log.child({ part: 'remote' }),
  });
  await pipeline.start(unwind);
  push.started();
  if (config.local.enabled) {
    const lag = new EventLoopLag();
    lag.start();
    unwind.defer('event loop lag', () => lag.stop());
    const local = new LocalServer({
      config: config.local,
      log: log.child({ part: 'local' }),
      picture: () => picture(pipeline, reloader),
      metrics: () => ({
        type: PROMETHEUS_TYPE,
        text: prometheusText(gatewayMetrics(figures(pipeline, reloader, lag, clock))),
      }),
      acknowledge: (occurrence, by, comment) => pipeline.alarms.acknowledge(occurrence, by, comment),
      // Also without an OPC UA device: one may come while the gateway runs.
      certificates: certificatesOf(dataDir, log),
    });
    // Closed first: nobody acknowledges an alarm at a gateway that has stopped keeping it.
    unwind.defer('local page', () => local.stop());
    await local.start();
    log.info({ url: local.url }, 'local page');
    process.send?.({ localUrl: local.url });
  }
  // Stopped first: nothing may be exchanged among what is being stopped.
  unwind.defer('reload', () => reloader.stop());
  hangup.tell(() => {
    void push.giveUpTrial().then(() => reloader.reload('SIGHUP', () => loadConfigAside(config.file)));
  });
  log.info({ gateway: config.gateway.id, devices: config.devices.length, tags: pipeline.tags.length }, 'collecting');
  return `collecting from ${config.devices.length} devices`;
}

/** Ended without something that starts it again, a gateway stays ended. */
function notRestarted(): string {
  const { INVOCATION_ID, LINESIDE_RESTARTS } = process.env;
  if (INVOCATION_ID || LINESIDE_RESTARTS || existsSync('/.dockerenv')) return '';
  return 'nothing would start this gateway again: it runs under no systemd and in no container; set LINESIDE_RESTARTS=1 where something else does';
}

function certificatesOf(dataDir: string, log: Logger): LocalCertificates {
  const store = new TrustStore(dataDir);
  return {
    own: () => store.own(),
    servers: () => store.list(),
    trust(thumbprint, by) {
      const { subject } = store.trust(thumbprint);
      log.warn({ part: 'local', thumbprint, subject, by }, 'an OPC UA server was trusted at the machine');
    },
  };
}

/** SIGHUP ends a process that does not listen; one that comes during the start or the stop must not. */
function hangups(): { tell(reload: () => void): void } {
  let early = false;
  let listener = () => {
    early = true;
  };
  process.on('SIGHUP', () => listener());
  return {
    tell(reload) {
      listener = reload;
      if (early) reload();
    },
  };
}

function figures(pipeline: Pipeline, reloader: Reloader, lag: EventLoopLag, clock: WallClock): GatewayFigures {
  return {
    status: pipeline.status(),
    tags: pipeline.tags.length,
    buffer: pipeline.buffer.stats(),
    link: pipeline.link.state(),
    sparkplug: pipeline.sparkplug?.state() ?? null,
    uns: pipeline.uns?.figures() ?? null,
    models: pipeline.models(),
    alarms: pipeline.alarms.active(),
    reload: reloader.last,
    clock: { steps: clock.steps, guessed: clock.guessed },
    process: { ...processFigures(lag), node: process.versions.node },
  };
}

function picture(pipeline: Pipeline, reloader: Reloader): LocalPicture {
  const { durableSamples, droppedSamples, damagedPlaces, fault } = pipeline.buffer.stats();
  const { connected, since, reason } = pipeline.link.state();
  return {
    status: pipeline.status(),
    link: { connected, since, reason },
    buffer: { durableSamples, droppedSamples, damagedPlaces, fault },
    reload: reloader.last,
    models: pipeline.models(),
    alarms: pipeline.alarms.active(),
    recent: pipeline.alarms.recent(),
    values: pipeline.tags
      .filter((tag) => !tag.name.startsWith('$'))
      .map(({ id, device, name, unit }) => {
        const last = pipeline.lastValues.get(device, id);
        const quality = last?.quality ?? 0;
        return {
          device,
          name,
          unit,
          sourceAt: last?.sourceAt ?? null,
          value: last?.value ?? null,
          quality,
          qualityName: qualityName(quality),
        };
      }),
  };
}
