/** What gateway and hub both say of themselves as metrics, each under names of its own. */
import { ALARM_PRIORITIES } from '../contracts/alarm.ts';
import type { EventLoopLag, Lag } from './event-loop-lag.ts';
import type { Metric, MetricSample } from './prometheus-text.ts';

export interface ProcessFigures {
  cpuSeconds: number;
  residentBytes: number;
  heapBytes: number;
  lag: Lag;
}

type MakeMetric = (name: string, type: Metric['type'], help: string, samples: MetricSample[] | number) => Metric;

const ALARM_STATES = ['unacknowledged', 'acknowledged', 'returned'];

/** Makes metrics that begin with the prefix; those of the process have names that everybody knows. */
export function metricMaker(prefix: string): MakeMetric {
  return (name, type, help, samples) => {
    const list = typeof samples === 'number' ? [{ value: samples }] : samples;
    return { name: name.startsWith('process_') ? name : `${prefix}_${name}`, type, help, samples: list };
  };
}

/** Of this process, now. */
export function processFigures(lag: EventLoopLag): ProcessFigures {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapBytes: heapUsed, lag: lag.read() };
}

/** @param startedAt of `whose`, milliseconds since 1970 UTC */
export function processMetrics(
  metric: MakeMetric,
  whose: string,
  startedAt: number,
  { cpuSeconds, residentBytes, heapBytes, lag }: ProcessFigures,
): Metric[] {
  return [
    metric('event_loop_lag_mean_seconds', 'gauge', 'How long events wait, on average, in 15 s.', lag.meanSeconds),
    metric(
      'event_loop_lag_p99_seconds',
      'gauge',
      'How long 1 % of the events wait at least, in 15 s.',
      lag.p99Seconds,
    ),
    metric('event_loop_lag_max_seconds', 'gauge', 'The longest wait of an event in 15 s.', lag.maxSeconds),
    metric('heap_used_bytes', 'gauge', 'Memory of the JavaScript heap that is in use.', heapBytes),
    metric('process_cpu_seconds_total', 'counter', 'Processor time used.', cpuSeconds),
    metric('process_resident_memory_bytes', 'gauge', 'Memory of the process.', residentBytes),
    metric('process_start_time_seconds', 'gauge', `When the ${whose} was started.`, startedAt / 1e3),
  ];
}

/** How many alarms are in each priority and state, the empty ones too. */
export function alarmsMetric(metric: MakeMetric, alarms: readonly { priority: string; state: string }[]): Metric {
  const samples = ALARM_PRIORITIES.flatMap((priority) =>
    ALARM_STATES.map((state) => ({
      labels: { priority, state },
      value: alarms.filter((alarm) => alarm.priority === priority && alarm.state === state).length,
    })),
  );
  return metric('alarms', 'gauge', 'Alarms that are not normal.', samples);
}
