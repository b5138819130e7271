import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { prometheusText } from '@lineside/shared/health/prometheus-text.ts';
import { describe, expect, test } from 'vitest';
import { type GatewayFigures, gatewayMetrics } from '../../../gateway/health/gateway-metrics.ts';
import { parsePrometheus } from '../../services/prometheus.ts';
import { Machine } from '../local/fixture.ts';

const DOCUMENT = readFileSync(resolve(import.meta.dirname, '../../../docs/metrics.md'), 'utf8').split(
  '# Metrics of the hub',
)[0]!;

function figures(): GatewayFigures {
  const { status } = new Machine().picture();
  status.devices[1]!.device = 'odd "name"\\\n';
  status.certificate = { serial: 'abc', notBefore: 1, notAfter: 2 };
  const model = { id: 'wear', state: 'running', lastScore: 0.25, inferences: 40, skipped: 1, meanMicros: 250 };
  return {
    status,
    tags: 3,
    buffer: {
      ...{ durableSamples: 99, droppedSamples: 2, droppedAlarms: 0, damagedPlaces: 0, fault: 'no space left' },
      ...{ droppedByReason: { diskFault: 2 }, urgent: { pendingRecords: 4, bytes: 1_048_576 }, thinning: false },
      readers: [{ name: 'sparkplug', pendingRecords: 8, droppedSamples: 0 }],
    },
    link: { connected: true, since: 1_790_000_000_500, recordsSent: 17 },
    sparkplug: { online: true, since: 1_790_000_000_750, messages: 41, births: 2 },
    uns: { published: 7, waiting: 1, fault: '', clients: 3, dropped: 1 },
    models: [model],
    alarms: [{ priority: 'high', state: 'unacknowledged' }],
    clock: { steps: 2, guessed: true },
    reload: { at: 1_790_000_001_000, result: 'refused', needsRestart: ['buffer.maxMiB'] },
    process: {
      ...{ cpuSeconds: 12.5, residentBytes: 1e8, heapBytes: 4e7, node: '24.0.0' },
      lag: { meanSeconds: 0.001, p99Seconds: 0.01, maxSeconds: 0.02 },
    },
  };
}

describe('the text', () => {
  const { types, values } = parsePrometheus(prometheusText(gatewayMetrics(figures())));

  test('is what Prometheus reads, and says what the parts said, in seconds and bytes', () => {
    const press = '{device="press",driver="modbus"}';
    const expected: Record<string, number> = {
      [`lineside_gateway_device_up${press}`]: 1,
      [`lineside_gateway_device_errors_total${press}`]: 1,
      'lineside_gateway_device_errors_by_kind_total{device="press",driver="modbus",kind="timeout"}': 3,
      [`lineside_gateway_device_cycle_seconds_sum${press}`]: 4.2,
      [`lineside_gateway_device_cycle_seconds_count${press}`]: 1_000,
      [`lineside_gateway_device_cycle_max_seconds${press}`]: 0.0175,
      [`lineside_gateway_device_jitter_seconds${press}`]: 0.0006,
      'lineside_gateway_device_breaker{device="press",driver="modbus",state="closed"}': 1,
      'lineside_gateway_device_breaker{device="press",driver="modbus",state="open"}': 0,
      'lineside_gateway_device_up{device="odd \\"name\\"\\\\\\n",driver="modbus"}': 0,
      'lineside_gateway_alarms{priority="high",state="unacknowledged"}': 1,
      'lineside_gateway_alarms{priority="low",state="returned"}': 0,
      'lineside_gateway_model_last_score{model="wear"}': 0.25,
      'lineside_gateway_model_inference_mean_seconds{model="wear"}': 0.00025,
      lineside_gateway_buffer_pending_samples: 1_234,
      lineside_gateway_buffer_fault: 1,
      lineside_gateway_hub_since_timestamp_seconds: 1_790_000_000.5,
      lineside_gateway_config_last_reload_successful: 0,
      lineside_gateway_config_restart_settings: 1,
      process_cpu_seconds_total: 12.5,
    };
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, values.get(key)]))).toEqual(expected);
    expect([...values.keys()].filter((key) => key.startsWith('lineside_gateway_device_cycle_max'))).toHaveLength(1);
  });

  test('names what grows _total and everything with its unit', () => {
    for (const [name, type] of types) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).toMatch(/^(lineside_gateway|process)_[a-z0-9_]+$/);
      expect(name).not.toMatch(/_(ms|millis|micros|percent)\b/);
    }
  });

  test('and the document list the same names and types', () => {
    const documented = [...DOCUMENT.matchAll(/^\| `([a-z0-9_]+)` +\| (\w+)/gm)].map(([, name, type]) => [name, type]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(types));
    expect(new Set(documented.map(([name]) => name)).size).toBe(documented.length);
    for (const [, name] of DOCUMENT.matchAll(/expr: .*?((?:lineside|process)_\w+)/g)) {
      expect([...types.keys()]).toContain(name);
    }
  });
});
