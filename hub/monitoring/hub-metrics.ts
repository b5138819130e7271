/** What the hub says of itself as metrics, beside what monitor.ts has timed. Each name stands in docs/metrics.md. */
import type { AlarmView, GatewayView, MachineView } from '@lineside/shared/contracts/api.ts';
import { alarmsMetric, type ProcessFigures, processMetrics } from '@lineside/shared/health/common-metrics.ts';
import type { Metric, MetricSample } from '@lineside/shared/health/prometheus-text.ts';
import { metric } from './hub-metric.ts';

/** All that is told; times in milliseconds, as the parts have them. */
export interface HubFigures {
  version: string;
  node: string;
  startedAt: number;
  faults: number;
  machines: Pick<MachineView, 'connection'>[];
  gateways: GatewayView[];
  alarms: Pick<AlarmView, 'priority' | 'state'>[];
  tags: number;
  ingest: {
    recordsAccepted: number;
    samplesAccepted: number;
    duplicates: number;
    holes: number;
    quarantined: number;
    fault: string;
    waitingSamples: number;
  };
  broker: { connected: boolean; clients: Record<string, number>; dropped: number };
  /** Null where nobody is served. */
  live: {
    clients: number;
    subscriptions: number;
    groups: number;
    slow: number;
    keptEvents: number;
    messages: number;
    events: number;
    dropped: Record<string, number>;
  } | null;
  /** Null where the hub makes none, because its stores are servers. */
  backup: { newestAt: number | null; failures: number; running: boolean } | null;
  /** Of the hub itself, by what shows it. */
  certificates: { use: string; notAfter: number }[];
  jobs: { kind: string; state: string }[];
  /** Last scores of gateways' models. */
  models: { gateway: string; model: string; score: number }[];
  process: ProcessFigures;
}

const CONNECTIONS = ['live', 'stale', 'offline', 'never'];
/** Gateways that have series of their own; a plant has as many as its configuration, 2,000 at most, and its sources. */
const MAX_GATEWAYS = 2_500;
const MAX_MODELS = 2_000;

export function hubMetrics(figures: HubFigures): Metric[] {
  return [
    ...ofHub(figures),
    ...ofBackup(figures),
    ...ofGateways(figures),
    ...ofIngest(figures),
    ...ofLive(figures),
    ...processMetrics(metric, 'hub', figures.startedAt, figures.process),
  ];
}

function ofBackup({ backup }: HubFigures): Metric[] {
  if (!backup) return [];
  const { newestAt, failures, running } = backup;
  return [
    metric(
      'backup_newest_timestamp_seconds',
      'gauge',
      'When what the newest good backup holds was so; absent when there is none.',
      newestAt === null ? [] : newestAt / 1_000,
    ),
    metric('backup_failures_total', 'counter', 'Backups that did not succeed.', failures),
    metric('backup_running', 'gauge', '1 while a backup is being made.', running ? 1 : 0),
  ];
}

function ofHub({ version, node, faults, certificates, machines, alarms, tags, jobs, models }: HubFigures): Metric[] {
  const working = Map.groupBy(jobs, ({ kind, state }) => `${kind} ${state}`);
  return [
    metric('build_info', 'gauge', 'Always 1; the labels say what runs.', [{ labels: { version, node }, value: 1 }]),
    metric('faults', 'gauge', 'Things that keep the hub from its work; /health names them.', faults),
    metric(
      'certificate_expiry_timestamp_seconds',
      'gauge',
      'End of the certificates that the hub shows: http of pages and API, mqtt of the broker.',
      certificates.map(({ use, notAfter }) => ({ labels: { use }, value: notAfter / 1_000 })),
    ),
    metric('tags', 'gauge', 'Tags that are known.', tags),
    metric(
      'machines',
      'gauge',
      'Machines by how far their picture can be believed.',
      CONNECTIONS.map((status) => ({
        labels: { status },
        value: machines.filter(({ connection }) => connection.status === status).length,
      })),
    ),
    alarmsMetric(metric, alarms),
    metric(
      'jobs',
      'gauge',
      'Work that is waiting or running, by kind.',
      [...working.values()].map((list) => ({
        labels: { kind: list[0]!.kind, state: list[0]!.state },
        value: list.length,
      })),
    ),
    metric(
      'model_last_score',
      'gauge',
      'The last score of a gateway’s model; 1 is the limit.',
      models.slice(0, MAX_MODELS).map(({ gateway, model, score }) => ({ labels: { gateway, model }, value: score })),
    ),
  ];
}

function ofGateways({ gateways }: HubFigures): Metric[] {
  const each = (value: (gateway: GatewayView) => number | null | undefined): MetricSample[] =>
    gateways.slice(0, MAX_GATEWAYS).flatMap((gateway) => {
      const found = value(gateway);
      return found === null || found === undefined ? [] : [{ labels: { gateway: gateway.id }, value: found }];
    });
  return [
    metric(
      'gateway_online',
      'gauge',
      '1 while the gateway is connected.',
      each(({ online }) => Number(online)),
    ),
    metric(
      'gateway_last_seen_timestamp_seconds',
      'gauge',
      'When it was last heard; absent before the first time.',
      each(({ lastSeenAt }) => lastSeenAt && lastSeenAt / 1e3),
    ),
    metric(
      'gateway_pending_samples',
      'gauge',
      'Samples on its disk that are not committed here yet.',
      each(({ pendingSamples }) => pendingSamples),
    ),
    metric(
      'gateway_samples_total',
      'counter',
      'Samples committed, all time.',
      each(({ samplesStored }) => samplesStored),
    ),
    metric(
      'gateway_quarantined_total',
      'counter',
      'Messages that could not be read, since the start.',
      each(({ quarantined }) => quarantined),
    ),
    metric(
      'gateway_certificate_expiry_timestamp_seconds',
      'gauge',
      'End of the certificate by which it comes in; absent when it comes in by a password.',
      each(({ certificate }) => certificate && certificate.notAfter / 1e3),
    ),
    metric(
      'gateway_devices_down',
      'gauge',
      'Devices that do not answer it.',
      each(({ devices }) => devices.filter(({ state }) => state !== 'up').length),
    ),
  ];
}

function ofIngest({ ingest, broker }: HubFigures): Metric[] {
  const clients = Object.entries(broker.clients).map(([kind, value]) => ({ labels: { kind }, value }));
  return [
    metric('ingest_records_total', 'counter', 'Records taken.', ingest.recordsAccepted),
    metric('ingest_samples_total', 'counter', 'Samples taken.', ingest.samplesAccepted),
    metric('ingest_duplicates_total', 'counter', 'Records that had been taken before.', ingest.duplicates),
    metric('ingest_holes_total', 'counter', 'Times that a record was asked for again.', ingest.holes),
    metric('ingest_quarantined_total', 'counter', 'Messages that could not be read.', ingest.quarantined),
    metric('ingest_waiting_samples', 'gauge', 'Samples taken and not committed yet.', ingest.waitingSamples),
    metric('ingest_fault', 'gauge', '1 while nothing can be committed.', Number(ingest.fault !== '')),
    metric('broker_connected', 'gauge', '1 while gateways can be heard.', Number(broker.connected)),
    metric('broker_clients', 'gauge', 'Clients of the embedded broker.', clients),
    metric('broker_dropped_clients_total', 'counter', 'Clients that the embedded broker let go.', broker.dropped),
  ];
}

function ofLive({ live }: HubFigures): Metric[] {
  if (!live) return [];
  const dropped = Object.entries(live.dropped).map(([code, value]) => ({ labels: { code }, value }));
  return [
    metric('live_clients', 'gauge', 'Clients of the live socket.', live.clients),
    metric('live_subscriptions', 'gauge', 'Their subscriptions.', live.subscriptions),
    metric('live_groups', 'gauge', 'Sets of values that are sent; who wants the same shares one.', live.groups),
    metric('live_slow_clients', 'gauge', 'Clients that take less than there is.', live.slow),
    metric('live_kept_events', 'gauge', 'Events from which clients can resume.', live.keptEvents),
    metric('live_messages_total', 'counter', 'Messages to clients.', live.messages),
    metric('live_events_total', 'counter', 'Events of alarms, states and jobs.', live.events),
    metric('live_dropped_clients_total', 'counter', 'Clients let go, by close code.', dropped),
  ];
}
