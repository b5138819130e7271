/**
 * Writes metrics in the text format that Prometheus reads (exposition formats, version 0.0.4). A library would keep
 * counters a second time beside those that the parts keep anyway, and bring its own dependencies for that.
 */

export interface Metric {
  /** With its unit: `_seconds`, `_bytes`, and `_total` for what only grows. */
  name: string;
  type: 'counter' | 'gauge' | 'summary' | 'histogram';
  help: string;
  samples: MetricSample[];
}

export interface MetricSample {
  /** Of a summary or a histogram: `_sum`, `_count` or `_bucket`. */
  suffix?: string;
  labels?: Record<string, string>;
  value: number;
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A metric without samples is left out with its head. */
export function prometheusText(metrics: Metric[]): string {
  const lines = metrics
    .filter(({ samples }) => samples.length > 0)
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(({ suffix = '', labels, value }) => `${name}${suffix}${labelText(labels)} ${numberText(value)}`),
    ]);
  return `${lines.join('\n')}\n`;
}

function labelText(labels: Record<string, string> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
