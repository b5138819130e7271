import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Histogram } from '@lineside/shared/health/histogram.ts';
import { prometheusText } from '@lineside/shared/health/prometheus-text.ts';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkNetworks, isWithin } from '../../../hub/monitoring/config.ts';
import { type HubFigures, hubMetrics } from '../../../hub/monitoring/hub-metrics.ts';
import { Monitor } from '../../../hub/monitoring/monitor.ts';
import { statementName } from '../../../hub/monitoring/statement-name.ts';
import { watchedStore } from '../../../hub/monitoring/watched-store.ts';
import { parsePrometheus } from '../../services/prometheus.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const DOCUMENT = readFileSync(resolve(ROOT, 'docs/metrics.md'), 'utf8').split('# Metrics of the hub')[1]!;

function heardMonitor(now = () => 1_000_000) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { monitor: new Monitor({ slowRequestMs: 1_000, slowQueryMs: 500, log, now }), lines };
}

function gateway(id: string, more: Partial<GatewayView> = {}): GatewayView {
  const known = { lastSeenAt: null, since: null, version: '', quarantined: 0, samplesStored: 0, pendingSamples: 0 };
  return { id, online: false, devices: [], ...known, ...more } as GatewayView;
}

const CERTIFICATE = { serial: 'ab', notBefore: 0, notAfter: 1_790_000_000_500 };

function figures(): HubFigures {
  return {
    ...{ version: '1.0.0', node: '24.0.0', startedAt: 1_790_000_000_500, faults: 1, tags: 12 },
    machines: [{ connection: { status: 'live', since: null, reason: '' } }],
    gateways: [
      gateway('line-1', { online: true, pendingSamples: 7, lastSeenAt: 1_500, certificate: CERTIFICATE }),
      gateway('sparkplug:a/"b"'),
    ],
    backup: { newestAt: 1_790_000_000_500, failures: 2, running: false },
    certificates: [{ use: 'http', notAfter: 1_790_000_000_500 }],
    alarms: [{ priority: 'high', state: 'unacknowledged' }],
    ingest: {
      ...{ recordsAccepted: 5, samplesAccepted: 50, duplicates: 1, holes: 2, quarantined: 3, fault: 'no space' },
      waitingSamples: 4,
    },
    broker: { connected: true, clients: { gateway: 2, integrator: 1, source: 0 }, dropped: 1 },
    live: {
      ...{ clients: 3, subscriptions: 4, groups: 2, slow: 1, keptEvents: 9, messages: 100, events: 10 },
      dropped: { 4001: 2 },
    },
    jobs: [{ kind: 'write', state: 'waiting' }],
    models: [{ gateway: 'line-1', model: 'pump', score: 0.25 }],
    process: {
      ...{ cpuSeconds: 12.5, residentBytes: 1e8, heapBytes: 4e7 },
      lag: { meanSeconds: 0.001, p99Seconds: 0.01, maxSeconds: 0.02 },
    },
  };
}

describe('the metrics of the hub', () => {
  const { monitor } = heardMonitor();
  monitor.requestBegins();
  monitor.requestEnds({ method: 'GET', route: '/api/v1/me', status: 200, durationMs: 30, id: 'r' });
  monitor.sqlSeen({ sql: 'select 1 from "alarms"', durationMs: 5, failed: false });
  monitor.callSeen({ statement: 'append', durationMs: 600, failed: true });
  monitor.arrived('line-1', 998_000);
  monitor.committed('line-1');
  monitor.messageSeen('data');
  const commit = monitor.commit({ records: 1, samples: 2 }, async () => 'done');

  test('are what Prometheus reads, and say what the parts said, in seconds and bytes', async () => {
    expect(await commit).toBe('done');
    const { values } = parsePrometheus(prometheusText([...hubMetrics(figures()), ...monitor.metrics()]));
    const route = 'method="GET",route="/api/v1/me",status="2xx"';
    const expected: Record<string, number> = {
      lineside_hub_backup_newest_timestamp_seconds: 1_790_000_000.5,
      lineside_hub_backup_failures_total: 2,
      'lineside_hub_certificate_expiry_timestamp_seconds{use="http"}': 1_790_000_000.5,
      [`lineside_hub_request_duration_seconds_bucket{${route},le="0.025"}`]: 0,
      [`lineside_hub_request_duration_seconds_bucket{${route},le="0.05"}`]: 1,
      [`lineside_hub_request_duration_seconds_bucket{${route},le="+Inf"}`]: 1,
      [`lineside_hub_request_duration_seconds_sum{${route}}`]: 0.03,
      lineside_hub_requests_in_flight: 0,
      'lineside_hub_query_duration_seconds_count{store="relational",statement="select alarms"}': 1,
      'lineside_hub_query_duration_seconds_sum{store="timeSeries",statement="append"}': 0.6,
      lineside_hub_slow_queries_total: 1,
      lineside_hub_failed_queries_total: 1,
      lineside_hub_ingest_commit_duration_seconds_count: 1,
      'lineside_hub_ingest_lag_seconds_bucket{le="2"}': 1,
      'lineside_hub_gateway_ingest_lag_seconds{gateway="line-1"}': 2,
      'lineside_hub_broker_messages_total{kind="data"}': 1,
      'lineside_hub_gateway_online{gateway="line-1"}': 1,
      'lineside_hub_gateway_pending_samples{gateway="line-1"}': 7,
      'lineside_hub_gateway_certificate_expiry_timestamp_seconds{gateway="line-1"}': 1_790_000_000.5,
      'lineside_hub_gateway_online{gateway="sparkplug:a/\\"b\\""}': 0,
      'lineside_hub_live_dropped_clients_total{code="4001"}': 2,
      'lineside_hub_model_last_score{gateway="line-1",model="pump"}': 0.25,
      lineside_hub_ingest_fault: 1,
      process_cpu_seconds_total: 12.5,
    };
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, values.get(key)]))).toEqual(expected);
  });

  test('are named for what they are, and the document lists the same names and types', () => {
    const { types } = parsePrometheus(prometheusText([...hubMetrics(figures()), ...monitor.metrics()]));
    for (const [name, type] of types) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).toMatch(/^(lineside_hub|process)_[a-z0-9_]+$/);
      expect(name).not.toMatch(/_(ms|millis|percent)\b/);
    }
    const documented = [...DOCUMENT.matchAll(/^\| `([a-z0-9_]+)` +\| (\w+)/gm)].map(([, name, type]) => [name, type]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(types));
    expect(new Set(documented.map(([name]) => name)).size).toBe(documented.length);
  });

  test('are those of the alerts and of the dashboard', () => {
    const { types } = parsePrometheus(prometheusText([...hubMetrics(figures()), ...monitor.metrics()]));
    const named = (text: string) => [...text.matchAll(/lineside_hub_[a-z0-9_]+/g)].map(([name]) => name);
    const rules = parse(readFileSync(resolve(ROOT, 'docker/prometheus/lineside-alerts.yaml'), 'utf8'));
    const texts = rules.groups.flatMap(({ rules: list }: { rules: { expr: string }[] }) =>
      list.map(({ expr }) => expr),
    );
    texts.push(readFileSync(resolve(ROOT, 'docker/grafana/dashboards/lineside-hub.json'), 'utf8'));
    const used = texts.flatMap(named);
    expect(used.length).toBeGreaterThan(15);
    for (const name of used) expect([...types.keys()]).toContain(name.replace(/_(bucket|sum|count)$/, ''));
  });
});

test('labels that never end fill no memory: what is too much is counted together', () => {
  const histogram = new Histogram('h', 'help');
  for (let i = 0; i < 2_000; i++) histogram.observe({ route: `/${i}` }, 1);
  const counts = histogram.metric().samples.filter(({ suffix }) => suffix === '_count');
  expect(counts).toHaveLength(501);
  expect(counts.at(-1)).toMatchObject({ labels: { route: 'other' }, value: 1_500 });
});

test.each([
  ['select "alarms".* from "alarms" where "state" <> $1', 'select alarms'],
  ['insert into "alarm_events" ("a") values ($1) on conflict do nothing', 'insert alarm_events'],
  ['update "sessions" set "x" = $1', 'update sessions'],
  ['delete from public.sessions where a = $1', 'delete sessions'],
  ['with recent as (select * from writes) select * from recent', 'select writes'],
  ['begin isolation level serializable', 'begin'],
  ['select 1', 'select'],
  ['drop table users', 'other'],
])('%s is called %s', (sql, name) => {
  expect(statementName(sql)).toBe(name);
});

describe('what is slow', () => {
  test('is logged beyond its threshold, without parameters', () => {
    const { monitor, lines } = heardMonitor();
    monitor.sqlSeen({ sql: 'select 1', durationMs: 499, failed: false });
    monitor.requestEnds({ method: 'GET', route: '/api/v1/tags', status: 200, durationMs: 999, id: 'a' });
    expect(lines).toEqual([]);
    const query = { sql: 'select * from "users" where "name" = $1', parameters: ['anna'], durationMs: 700.4 };
    monitor.sqlSeen({ ...query, failed: false });
    monitor.requestEnds({ method: 'GET', route: '/api/v1/tags', status: 503, durationMs: 1_500, id: 'b' });
    expect(lines).toMatchObject([
      { msg: 'slow query', store: 'relational', statement: 'select users', ms: 700, sql: query.sql },
      { msg: 'slow request', route: '/api/v1/tags', status: 503, ms: 1_500, requestId: 'b' },
    ]);
    expect(JSON.stringify(lines)).not.toContain('anna');
  });

  test('does not fill the log in a bad hour', () => {
    let at = 1_000_000;
    const { monitor, lines } = heardMonitor(() => at);
    for (let i = 0; i < 200; i++) monitor.callSeen({ statement: 'range', durationMs: 9_000, failed: false });
    expect(lines).toHaveLength(60);
    at += 60_000;
    monitor.callSeen({ statement: 'range', durationMs: 9_000, failed: false });
    expect(lines.slice(60)).toMatchObject([{ lines: 140 }, { msg: 'slow query' }]);
  });
});

test('a watched store is the same store', async () => {
  class Store {
    #value = 1;
    name = 'store';
    async read(add: number): Promise<number> {
      return this.#value + add;
    }
    async fail(): Promise<never> {
      throw new Error('gone');
    }
    now(): number {
      return this.#value;
    }
  }
  const calls: unknown[] = [];
  const store = watchedStore(new Store(), ({ statement, failed }) => calls.push([statement, failed]));
  expect([await store.read(2), store.now(), store.name]).toEqual([3, 1, 'store']);
  await expect(store.fail()).rejects.toThrow('gone');
  expect(calls).toEqual([
    ['read', false],
    ['fail', true],
  ]);
});

test('networks are those of their addresses, and mistakes in them are found', () => {
  const near = isWithin(['127.0.0.0/8', '::1', '10.1.0.0/16', 'fd00::/8']);
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '::1', '10.1.255.1', 'fd12::1']) {
    expect([address, near(address)]).toEqual([address, true]);
  }
  for (const address of ['10.2.0.1', '::2', 'fe80::1', '', 'localhost']) expect(near(address)).toBe(false);
  expect(checkNetworks(['10.0.0.0/8', '10.0.0.0/33', '1.2.3', '::/129']).map(({ path }) => path.at(-1))).toEqual([
    '1',
    '2',
    '3',
  ]);
});
