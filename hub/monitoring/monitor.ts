/** Times requests, queries and commits: for the metrics, the log of what was slow, and traces. */

import { Histogram } from '@lineside/shared/health/histogram.ts';
import type { Metric } from '@lineside/shared/health/prometheus-text.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { HUB_PREFIX, metric } from './hub-metric.ts';
import { statementName } from './statement-name.ts';
import { NO_TRACING, type SpanAttributes, type Tracing } from './tracing.ts';

/** From the gateway's receiving to the commit; a backlog is hours old. Seconds. */
const LAG_BUCKETS = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600, 86_400];
/** Lines of slow things a minute; in a bad hour the log must not become a part of it. */
const LINES_A_MINUTE = 60;
/** Gateways whose lag is remembered. */
const MAX_GATEWAYS = 5_000;

export interface MonitorOptions {
  slowRequestMs: number;
  slowQueryMs: number;
  tracing?: Tracing;
  log: Logger;
  now(): number;
}

export class Monitor {
  readonly #options: MonitorOptions;
  readonly tracing: Tracing;
  readonly #requests = new Histogram(`${HUB_PREFIX}_request_duration_seconds`, 'How long requests took.');
  readonly #queries = new Histogram(`${HUB_PREFIX}_query_duration_seconds`, 'How long the stores took to answer.');
  readonly #commits = new Histogram(
    `${HUB_PREFIX}_ingest_commit_duration_seconds`,
    'How long it took to commit a group of records.',
  );
  readonly #lags = new Histogram(
    `${HUB_PREFIX}_ingest_lag_seconds`,
    'From the receiving at the gateway to the commit, of the newest of each commit.',
    LAG_BUCKETS,
  );
  /** When each gateway received the newest frame that has come, and how late the last commit was. Milliseconds. */
  readonly #gateways = new Map<string, { receivedAt: number; lagMs: number | null }>();
  readonly #messages = new Map<string, number>();
  #inFlight = 0;
  #failedQueries = 0;
  #slowRequests = 0;
  #slowQueries = 0;
  #minute = { begin: 0, lines: 0, left: 0 };

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.tracing = options.tracing ?? NO_TRACING;
  }

  requestBegins(): void {
    this.#inFlight++;
  }

  /** @param route as it was declared, so that there are few; `none` when there is none */
  requestEnds(request: { method: string; route: string; status: number; durationMs: number; id: string }): void {
    this.#inFlight--;
    const { method, route, status, durationMs, id } = request;
    const labels = { method, route, status: `${Math.floor(status / 100)}xx` };
    this.#requests.observe(labels, durationMs / 1_000);
    if (durationMs < this.#options.slowRequestMs) return;
    this.#slowRequests++;
    this.#slow({ method, route, status, ms: Math.round(durationMs), requestId: id }, 'slow request');
  }

  /** A statement of SQL, without its parameters. */
  sqlSeen({ sql, durationMs, failed }: { sql: string; durationMs: number; failed: boolean }): void {
    this.#query('relational', statementName(sql), durationMs, failed, sql);
  }

  /** A call of the time-series store. */
  callSeen({ statement, durationMs, failed }: { statement: string; durationMs: number; failed: boolean }): void {
    this.#query('timeSeries', statement, durationMs, failed);
  }

  /** A gateway's frames have come. @param receivedAt when it received the newest of them */
  arrived(gateway: string, receivedAt: number | undefined): void {
    if (receivedAt === undefined) return;
    const known = this.#gateways.get(gateway);
    if (known) known.receivedAt = receivedAt;
    else if (this.#gateways.size < MAX_GATEWAYS) this.#gateways.set(gateway, { receivedAt, lagMs: null });
  }

  /** Records of a gateway are committed. */
  committed(gateway: string): void {
    const known = this.#gateways.get(gateway);
    if (!known) return;
    // A gateway's clock may be ahead.
    known.lagMs = Math.max(0, this.#options.now() - known.receivedAt);
    this.#lags.observe({}, known.lagMs / 1_000);
  }

  /** Runs a commit of what has been taken. */
  async commit<T>(attributes: SpanAttributes, work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await this.tracing.span('ingest commit', attributes, work);
    } finally {
      this.#commits.observe({}, (performance.now() - begin) / 1_000);
    }
  }

  /** A message has come over MQTT. @param kind of a few */
  messageSeen(kind: string): void {
    this.#messages.set(kind, (this.#messages.get(kind) ?? 0) + 1);
  }

  metrics(): Metric[] {
    const late = [...this.#gateways].flatMap(([gateway, { lagMs }]) =>
      lagMs === null ? [] : [{ labels: { gateway }, value: lagMs / 1_000 }],
    );
    const messages = [...this.#messages].map(([kind, value]) => ({ labels: { kind }, value }));
    return [
      this.#requests.metric(),
      metric('requests_in_flight', 'gauge', 'Requests that are being answered.', this.#inFlight),
      metric('slow_requests_total', 'counter', 'Requests over the threshold of the slow log.', this.#slowRequests),
      this.#queries.metric(),
      metric('failed_queries_total', 'counter', 'Queries that failed.', this.#failedQueries),
      metric('slow_queries_total', 'counter', 'Queries over the threshold of the slow log.', this.#slowQueries),
      this.#commits.metric(),
      this.#lags.metric(),
      metric(
        'gateway_ingest_lag_seconds',
        'gauge',
        'From the receiving at the gateway to the commit, of its last commit.',
        late,
      ),
      metric('broker_messages_total', 'counter', 'Messages of gateways, by kind.', messages),
    ];
  }

  #query(store: string, statement: string, durationMs: number, failed: boolean, sql?: string): void {
    this.#queries.observe({ store, statement }, durationMs / 1_000);
    if (failed) this.#failedQueries++;
    this.tracing.over(`${store} ${statement}`, durationMs, { 'db.system': store, 'db.operation': statement }, failed);
    if (durationMs < this.#options.slowQueryMs) return;
    this.#slowQueries++;
    this.#slow({ store, statement, ms: Math.round(durationMs), failed, ...(sql ? { sql } : {}) }, 'slow query');
  }

  #slow(fields: Record<string, unknown>, words: string): void {
    const at = this.#options.now();
    const { log } = this.#options;
    if (at - this.#minute.begin >= 60_000) {
      if (this.#minute.left > 0) log.warn({ lines: this.#minute.left }, 'more was slow in the minute before');
      this.#minute = { begin: at, lines: 0, left: 0 };
    }
    if (this.#minute.lines++ < LINES_A_MINUTE) log.warn(fields, words);
    else this.#minute.left++;
  }
}
