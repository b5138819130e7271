/** How long things took, counted in buckets by label, as Prometheus reads them. */
import type { Metric, MetricSample } from './prometheus-text.ts';

/** Series that one histogram keeps; what comes beyond is counted under `other`, so that no label can fill the memory. */
const MAX_SERIES = 500;

/** Of requests and queries. Seconds. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface Series {
  labels: Record<string, string>;
  /** One for each bucket, and one for what is above all of them. */
  counts: number[];
  sum: number;
  count: number;
}

export class Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #buckets: number[];
  readonly #series = new Map<string, Series>();

  /** @param buckets upper bounds, ascending */
  constructor(name: string, help: string, buckets: number[] = DURATION_BUCKETS) {
    this.#name = name;
    this.#help = help;
    this.#buckets = buckets;
  }

  observe(labels: Record<string, string>, value: number): void {
    const series = this.#of(labels);
    const at = this.#buckets.findIndex((bound) => value <= bound);
    series.counts[at < 0 ? this.#buckets.length : at]!++;
    series.sum += value;
    series.count++;
  }

  metric(): Metric {
    const samples = [...this.#series.values()].flatMap(({ labels, counts, sum, count }): MetricSample[] => {
      let below = 0;
      const buckets = this.#buckets.map((bound, i) => {
        below += counts[i]!;
        return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: below };
      });
      return [
        ...buckets,
        { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
        { suffix: '_sum', labels, value: sum },
        { suffix: '_count', labels, value: count },
      ];
    });
    return { name: this.#name, type: 'histogram', help: this.#help, samples };
  }

  #of(labels: Record<string, string>): Series {
    const key = Object.values(labels).join('\u0000');
    const known = this.#series.get(key);
    if (known) return known;
    if (this.#series.size >= MAX_SERIES) {
      const other = Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));
      return this.#series.get('other') ?? this.#add('other', other);
    }
    return this.#add(key, labels);
  }

  #add(key: string, labels: Record<string, string>): Series {
    const series = { labels, counts: new Array<number>(this.#buckets.length + 1).fill(0), sum: 0, count: 0 };
    this.#series.set(key, series);
    return series;
  }
}
