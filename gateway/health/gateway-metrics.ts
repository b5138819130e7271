/** What the gateway says of itself, as metrics. Each name stands in docs/metrics.md. */
import type { DeviceStatus, GatewayStatus } from '@lineside/shared/contracts/link.ts';
import {
  alarmsMetric,
  metricMaker,
  type ProcessFigures,
  processMetrics,
} from '@lineside/shared/health/common-metrics.ts';
import type { Metric, MetricSample } from '@lineside/shared/health/prometheus-text.ts';

/** All that is told; times in milliseconds, as the parts have them. */
export interface GatewayFigures {
  status: GatewayStatus;
  tags: number;
  buffer: {
    durableSamples: number;
    droppedSamples: number;
    droppedByReason: Record<string, number>;
    droppedAlarms: number;
    damagedPlaces: number;
    urgent: { pendingRecords: number; bytes: number };
    thinning: boolean;
    readers: { name: string; pendingRecords: number; droppedSamples: number }[];
    fault: string;
  };
  link: { connected: boolean; since: number; recordsSent: number };
  /** Null when the gateway is no Sparkplug node. */
  sparkplug: { online: boolean; since: number; messages: number; births: number } | null;
  /** Null when there are no topics for integrators. */
  uns: { published: number; waiting: number; fault: string; clients: number; dropped: number } | null;
  models: {
    id: string;
    state: string;
    lastScore: number | null;
    inferences: number;
    skipped: number;
    meanMicros: number;
  }[];
  alarms: { priority: string; state: string }[];
  clock: { steps: number; guessed: boolean };
  reload: { at: number; result: string; needsRestart: string[] } | null;
  process: ProcessFigures & { node: string };
}

const metric = metricMaker('lineside_gateway');
const BREAKER_STATES = ['closed', 'open', 'halfOpen'];

export function gatewayMetrics(figures: GatewayFigures): Metric[] {
  return [
    ...ofGateway(figures),
    ...ofDevices(figures.status.devices),
    ...ofBuffer(figures),
    ...ofModels(figures),
    ...ofSparkplug(figures),
    ...ofUns(figures),
    ...processMetrics(metric, 'gateway', figures.status.startedAt, figures.process),
  ];
}

function ofGateway({ status, tags, link, alarms, clock, reload, process }: GatewayFigures): Metric[] {
  const sound = reload === null || reload.result === 'applied' || reload.result === 'unchanged';
  return [
    metric('build_info', 'gauge', 'Always 1; the labels say what runs.', [
      { labels: { gateway: status.gateway, version: status.version, node: process.node }, value: 1 },
    ]),
    metric('tags', 'gauge', 'Tags that are collected, the own ones included.', tags),
    metric('hub_connected', 'gauge', '1 while the hub answers.', Number(link.connected)),
    metric('hub_since_timestamp_seconds', 'gauge', 'Since when the hub answers or does not.', link.since / 1e3),
    metric('hub_records_sent_total', 'counter', 'Records sent to the hub, repeats included.', link.recordsSent),
    ...ofCertificate(status),
    metric('clock_steps_total', 'counter', 'How often the clock was set while it ran.', clock.steps),
    metric('clock_guessed', 'gauge', '1 while this machine’s clock was never set.', Number(clock.guessed)),
    alarmsMetric(metric, alarms),
    metric(
      'config_last_reload_successful',
      'gauge',
      '1 when the last reading of the configuration was taken over.',
      Number(sound),
    ),
    metric(
      'config_last_reload_timestamp_seconds',
      'gauge',
      'When the configuration was read last.',
      (reload?.at ?? status.startedAt) / 1e3,
    ),
    metric(
      'config_restart_settings',
      'gauge',
      'Settings of the file that wait for a restart.',
      reload?.needsRestart.length ?? 0,
    ),
  ];
}

/** Absent when it comes in by a password. */
function ofCertificate({ certificate }: GatewayStatus): Metric[] {
  if (!certificate) return [];
  const { notBefore, notAfter } = certificate;
  return [
    metric(
      'hub_certificate_start_timestamp_seconds',
      'gauge',
      'Begin of the certificate for the hub.',
      notBefore / 1e3,
    ),
    metric(
      'hub_certificate_expiry_timestamp_seconds',
      'gauge',
      'End of the certificate for the hub.',
      notAfter / 1e3,
    ),
  ];
}

function ofSparkplug({ sparkplug }: GatewayFigures): Metric[] {
  if (!sparkplug) return [];
  const { online, since, messages, births } = sparkplug;
  return [
    metric('sparkplug_online', 'gauge', '1 while births are out and data follows.', Number(online)),
    metric('sparkplug_since_timestamp_seconds', 'gauge', 'Since when it is online or not.', since / 1e3),
    metric('sparkplug_messages_total', 'counter', 'Sparkplug messages sent.', messages),
    metric('sparkplug_births_total', 'counter', 'Times that all births were sent.', births),
  ];
}

function ofDevices(devices: DeviceStatus[]): Metric[] {
  const each = (value: (status: DeviceStatus) => number | null | undefined): MetricSample[] =>
    devices.flatMap((status) => {
      const found = value(status);
      return found === null || found === undefined ? [] : [{ labels: labelsOf(status), value: found }];
    });
  const labelsOf = ({ device, driver }: DeviceStatus) => ({ device, driver });
  const byKind = devices.flatMap((status) =>
    Object.entries(status.health?.errorsByKind ?? {}).map(([kind, value]) => ({
      labels: { ...labelsOf(status), kind },
      value,
    })),
  );
  const breakers = devices.flatMap((status) => {
    const now = status.health?.breaker;
    if (!now) return [];
    return BREAKER_STATES.map((state) => ({ labels: { ...labelsOf(status), state }, value: Number(state === now) }));
  });
  const cycles = devices.flatMap((status) => {
    if (!status.health?.cycleMs) return [];
    const { cycles: count, cyclesTotalMs } = status.health;
    const labels = labelsOf(status);
    return [
      { suffix: '_sum', labels, value: cyclesTotalMs / 1e3 },
      { suffix: '_count', labels, value: count },
    ];
  });
  return [
    metric(
      'device_up',
      'gauge',
      '1 while the device answers.',
      each(({ state }) => Number(state === 'up')),
    ),
    metric(
      'device_since_timestamp_seconds',
      'gauge',
      'Since when it is up or not.',
      each(({ since }) => since / 1e3),
    ),
    metric(
      'device_last_good_timestamp_seconds',
      'gauge',
      'When it last gave a Good answer; absent before the first.',
      each(({ lastGoodAt }) => lastGoodAt && lastGoodAt / 1e3),
    ),
    metric(
      'device_requests_total',
      'counter',
      'Requests to the device.',
      each(({ requests }) => requests),
    ),
    metric(
      'device_errors_total',
      'counter',
      'Errors of the device, of all kinds.',
      each(({ errors }) => errors),
    ),
    metric('device_errors_by_kind_total', 'counter', 'Errors of the device by kind, once there was one.', byKind),
    metric(
      'device_missed_polls_total',
      'counter',
      'Polls that were due and left out.',
      each(({ missed }) => missed),
    ),
    metric('device_cycle_seconds', 'summary', 'From the first request of a poll to its last answer.', cycles),
    metric(
      'device_cycle_last_seconds',
      'gauge',
      'How long the last poll took.',
      each(({ health }) => health?.cycleMs && health.cycleMs.last / 1e3),
    ),
    metric(
      'device_cycle_max_seconds',
      'gauge',
      'Longest of the newest 128 polls.',
      each(({ health }) => health?.cycleMs && health.cycleMs.max / 1e3),
    ),
    metric(
      'device_jitter_seconds',
      'gauge',
      'Mean lateness of the begin of the newest 128 polls.',
      each(({ health }) => (health?.jitterMs == null ? null : health.jitterMs / 1e3)),
    ),
    metric('device_breaker', 'gauge', '1 for the present state of the circuit breaker.', breakers),
  ];
}

function ofBuffer({ status, buffer }: GatewayFigures): Metric[] {
  const { pendingRecords, pendingSamples, bytes } = status.buffer;
  const { urgent, readers } = buffer;
  const reasons = Object.entries(buffer.droppedByReason).map(([reason, value]) => ({ labels: { reason }, value }));
  const pending = readers.map((reader) => ({ labels: { reader: reader.name }, value: reader.pendingRecords }));
  const missed = readers.map((reader) => ({ labels: { reader: reader.name }, value: reader.droppedSamples }));
  return [
    metric('buffer_pending_records', 'gauge', 'Records that the hub has not committed.', pendingRecords),
    metric('buffer_pending_samples', 'gauge', 'Samples on disk that the hub has not committed.', pendingSamples),
    metric('buffer_bytes', 'gauge', 'Disk space of the buffer.', bytes),
    metric('buffer_durable_samples_total', 'counter', 'Samples put on disk in this epoch.', buffer.durableSamples),
    metric('buffer_dropped_samples_total', 'counter', 'Samples lost at the gateway.', buffer.droppedSamples),
    metric('buffer_dropped_alarms_total', 'counter', 'Alarm events lost at the gateway.', buffer.droppedAlarms),
    metric('buffer_damaged_places', 'gauge', 'Damaged places found on disk.', buffer.damagedPlaces),
    metric('buffer_fault', 'gauge', '1 while the disk does not take data.', Number(buffer.fault !== '')),
    metric('buffer_thinning', 'gauge', '1 while samples are thinned.', Number(buffer.thinning)),
    metric('buffer_urgent_pending_records', 'gauge', 'Records of alarms and events to send.', urgent.pendingRecords),
    metric('buffer_urgent_bytes', 'gauge', 'Disk space of alarms and events.', urgent.bytes),
    metric(
      'buffer_dropped_samples_by_reason_total',
      'counter',
      'Samples lost by reason, once there was one.',
      reasons,
    ),
    metric('buffer_reader_pending_records', 'gauge', 'Records that a reader besides the hub has to read.', pending),
    metric('buffer_reader_dropped_samples_total', 'counter', 'Samples lost before a reader had them.', missed),
  ];
}

function ofModels({ models }: GatewayFigures): Metric[] {
  const each = (value: (model: GatewayFigures['models'][number]) => number | null): MetricSample[] =>
    models.flatMap((model) => {
      const found = value(model);
      return found === null ? [] : [{ labels: { model: model.id }, value: found }];
    });
  return [
    metric(
      'model_running',
      'gauge',
      '1 while the model gives scores.',
      each(({ state }) => Number(state === 'running')),
    ),
    metric(
      'model_failed',
      'gauge',
      '1 when the model is off because of an error.',
      each(({ state }) => Number(state === 'failed')),
    ),
    metric(
      'model_last_score',
      'gauge',
      'The last score; 1 is the limit. Absent before the first.',
      each(({ lastScore }) => lastScore),
    ),
    metric(
      'model_inferences_total',
      'counter',
      'Scores reckoned.',
      each(({ inferences }) => inferences),
    ),
    metric(
      'model_skipped_rows_total',
      'counter',
      'Rows due while the one before was reckoned.',
      each(({ skipped }) => skipped),
    ),
    metric(
      'model_inference_mean_seconds',
      'gauge',
      'Mean time of a score since the start.',
      each(({ meanMicros }) => meanMicros / 1e6),
    ),
  ];
}

function ofUns({ uns }: GatewayFigures): Metric[] {
  if (!uns) return [];
  return [
    metric('uns_connected', 'gauge', '1 while the broker takes topics for integrators.', Number(uns.fault === '')),
    metric('uns_messages_total', 'counter', 'Messages to integrators.', uns.published),
    metric('uns_waiting_topics', 'gauge', 'Topics with something new that wait.', uns.waiting),
    metric('local_broker_clients', 'gauge', 'Clients of the local broker.', uns.clients),
    metric('local_broker_dropped_clients_total', 'counter', 'Clients that the local broker let go.', uns.dropped),
  ];
}
