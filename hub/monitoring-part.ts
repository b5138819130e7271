/** Joins what is told of the hub to those who run it: metrics, the log of what was slow, traces. */
import { readFileSync } from 'node:fs';
import { VERSION } from '@lineside/shared/config/version.ts';
import { isGood } from '@lineside/shared/contracts/quality.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { processFigures } from '@lineside/shared/health/common-metrics.ts';
import { EventLoopLag } from '@lineside/shared/health/event-loop-lag.ts';
import { prometheusText } from '@lineside/shared/health/prometheus-text.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { AlarmDesk } from './alerts/alarm-desk.ts';
import type { AndonBoard } from './andon/board.ts';
import type { MetricsDoor } from './api/plugins/monitoring.ts';
import type { BackupService } from './backup/backup-service.ts';
import type { GatewayBus } from './broker/gateway-bus.ts';
import type { CertificatesPart } from './certificates-part.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { Ingest } from './ingest/ingest.ts';
import { isWithin } from './monitoring/config.ts';
import { type HubFigures, hubMetrics } from './monitoring/hub-metrics.ts';
import { Monitor } from './monitoring/monitor.ts';
import type { Tracing } from './monitoring/tracing.ts';

/** Where a model's score goes unless its `output` says otherwise. */
const SCORE = '.score';

export interface Measured {
  board: AndonBoard;
  alarms: AlarmDesk;
  ingest: Ingest;
  bus: GatewayBus;
  backups: BackupService | undefined;
  certificates: CertificatesPart;
  faults(): string[];
}

/** @throws LinesideError SECRET_UNREADABLE naming telemetry.headersFile */
export async function openMonitor(config: LoadedHubConfig, log: Logger, unwind: Unwind): Promise<Monitor> {
  const { slowRequestMs, slowQueryMs } = config.monitoring;
  const tracing = await tracingOf(config, log);
  if (tracing) unwind.defer('traces', () => tracing.stop());
  return new Monitor({
    ...{ slowRequestMs, slowQueryMs, log: log.child({ part: 'monitoring' }), now: Date.now },
    ...(tracing ? { tracing } : {}),
  });
}

/** Metrics are read at each request, and cost nothing in between. */
export function metricsDoor(
  config: LoadedHubConfig,
  monitor: Monitor,
  measured: Measured,
  unwind: Unwind,
): MetricsDoor {
  const lag = new EventLoopLag();
  const startedAt = Date.now();
  lag.start();
  unwind.defer('event loop', () => lag.stop());
  return {
    isNear: isWithin(config.monitoring.metricsFrom),
    text: (live) => {
      const { board, alarms, ingest, bus, backups, certificates, faults } = measured;
      const figures: HubFigures = {
        ...{ version: VERSION, node: process.versions.node, startedAt, faults: faults().length, live },
        ...{ machines: board.machines(), gateways: board.gateways.all(), alarms: alarms.open() },
        tags: board.catalog.size,
        ingest: { ...ingest.counts, waitingSamples: ingest.waitingSamples },
        broker: { connected: bus.fault === '', ...bus.figures },
        backup: backups?.figures() ?? null,
        certificates: certificates.ends(),
        jobs: board.jobs.all().filter(({ state }) => state === 'waiting' || state === 'running'),
        models: scoresOf(board),
        process: processFigures(lag),
      };
      return prometheusText([...hubMetrics(figures), ...monitor.metrics()]);
    },
  };
}

function scoresOf(board: AndonBoard): HubFigures['models'] {
  const scores: HubFigures['models'] = [];
  for (const tags of board.catalog.byDevice().values()) {
    for (const { id, gateway, name } of tags) {
      if (!name.endsWith(SCORE)) continue;
      const last = board.last(id);
      if (!last || typeof last[2] !== 'number' || !isGood(last[3])) continue;
      scores.push({ gateway, model: name.slice(0, -SCORE.length), score: last[2] });
    }
  }
  return scores;
}

/** The library comes into memory only when there is somebody to send traces to. */
async function tracingOf(config: LoadedHubConfig, log: Logger): Promise<Tracing | undefined> {
  const { telemetry } = config;
  if (!telemetry) return undefined;
  const { headersFile, otlpUrl, sampleRatio } = telemetry;
  const headers = headersFile ? headersOf(config.resolvePath(headersFile)) : {};
  const { OtlpTracing } = await import('./monitoring/otlp-tracing.ts');
  return new OtlpTracing({ url: otlpUrl, headers, sampleRatio, log: log.child({ part: 'traces' }) });
}

function headersOf(file: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const words = `telemetry.headersFile cannot be read: ${messageOf(cause)}`;
    throw new LinesideError('SECRET_UNREADABLE', 'config', words, { cause });
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line, index) => {
      const [, name, value] = /^([\w-]+):\s*(.+?)\s*$/.exec(line) ?? [];
      if (name && value) return [name, value];
      const words = `telemetry.headersFile ${file}, line ${index + 1} is no header: write name: value`;
      throw new LinesideError('SECRET_UNREADABLE', 'config', words);
    }),
  );
}
