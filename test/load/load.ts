/** Hundreds of gateways at once, and what came of it. */
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadGateway } from './load-gateway.ts';
import { LoadRecords } from './load-records.ts';

export interface LoadOptions {
  broker: URL;
  gateways: number;
  /** Of each gateway. */
  tags: number;
  /** Polls of every tag a second. */
  hz: number;
  /** How long a gateway collects before it closes a record. Milliseconds. */
  commitMs: number;
  /** How long to measure, after the warm-up. */
  seconds: number;
  warmUpSeconds: number;
  /** As fast as the hub takes it: the gateways have all time before them. */
  flatOut: boolean;
  /** Which of the gateways have been without the hub, and for how long. */
  backlogGateways: number;
  backlogHours: number;
  prefix: string;
  password: string;
  ca?: Buffer | undefined;
  signal: AbortSignal;
  say(line: string): void;
}

/** Gateways begin their records at so many different moments. */
const PHASES = 20;
const PUMP_MS = 5;
const SAY_MS = 5_000;
const CONNECT_DEADLINE_MS = 120_000;
/** More records than these, due and not committed, are not on their way but late. */
const WAITING_RECORDS = 8;
const SETTLE_DEADLINE_MS = 300_000;
/** Troubles that are told one by one; the others are counted. */
const TOLD = 5;
const HOUR_MS = 3_600_000;

/** Latencies are kept as whole microseconds. */
class Latencies {
  readonly #histogram = createHistogram({ figures: 3 });

  add(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(ms * 1_000)));
  }

  reset(): void {
    this.#histogram.reset();
  }

  figures(): { p50: number; p99: number; max: number } | null {
    const histogram = this.#histogram;
    if (histogram.count === 0) return null;
    const ms = (us: number) => Math.round(us / 100) / 10;
    return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) };
  }
}

/** @returns figures; what they mean stands in docs/performance.md */
export async function runLoad(options: LoadOptions): Promise<Record<string, unknown>> {
  const { gateways: count, tags, hz, seconds, warmUpSeconds, flatOut, signal, say } = options;
  const records = new LoadRecords(tags, hz, options.commitMs);
  const troubles = { reconnects: 0, resends: 0 };
  const latencies = new Latencies();
  let live = 0;
  let late = 0;
  const startedAt = Date.now();
  const all = Array.from({ length: count }, (_, index) => {
    const phase = Math.floor(((index % PHASES) / PHASES) * records.stepMs);
    const behind = index < options.backlogGateways;
    const from = startedAt + phase - (behind ? options.backlogHours * HOUR_MS : 0);
    return new LoadGateway({
      ...{ ...options, id: gatewayId(options.prefix, index), index, records, from },
      onCommitted: (dueAt, wasLate) => {
        if (wasLate) late++;
        else {
          live++;
          // Of a gateway that catches up, what is new waits behind its own backlog.
          if (!flatOut && !behind) latencies.add(Date.now() - dueAt);
        }
      },
      onTrouble: (what, words) => {
        if (++troubles[what] <= TOLD) say(`  ${words}`);
      },
    });
  });
  let pumping: NodeJS.Timeout | undefined;
  let supervising: NodeJS.Timeout | undefined;
  try {
    for (const gateway of all) gateway.start();
    await until(
      () => all.every(({ connected }) => connected),
      CONNECT_DEADLINE_MS,
      signal,
      () => {
        const missing = all.filter(({ connected }) => !connected).length;
        return `${missing} of ${count} gateways have not been answered by a hub at ${options.broker.host}`;
      },
    );
    say(`${count} gateways connected; ${records.samples} samples a record`);
    // Not in one heap: a tick that comes late finds what is due.
    let lateness = 0;
    let last = performance.now();
    pumping = setInterval(() => {
      const now = performance.now();
      lateness = Math.max(lateness, now - last - PUMP_MS);
      last = now;
      const wall = Date.now();
      for (const gateway of all) gateway.pump(wall);
    }, PUMP_MS);
    supervising = setInterval(() => {
      for (const gateway of all) gateway.supervise(Date.now());
    }, 1_000);

    // Each has tags to describe at first, which is no part of what is measured.
    await until(
      () => all.every(({ committedSeq }) => committedSeq > 0),
      CONNECT_DEADLINE_MS,
      signal,
      () => 'the hub has not committed the first record of each gateway',
    );
    // What came up meanwhile is on its way still; a hub that cannot follow is measured as it is.
    const caughtUp = () => all.every((gateway) => gateway.waiting(Date.now()) <= WAITING_RECORDS);
    if (!flatOut) await until(caughtUp, CONNECT_DEADLINE_MS, signal, () => '').catch(() => signal.throwIfAborted());
    say('  all gateways have been heard; warming up');
    await sleep(warmUpSeconds * 1_000, undefined, { signal });
    latencies.reset();
    live = 0;
    late = 0;
    lateness = 0;
    const bytes = () => all.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    const begin = { at: performance.now(), cpu: process.cpuUsage(), bytes: bytes() };
    process.stdout.write(`${JSON.stringify({ measuring: true })}\n`);
    const end = begin.at + seconds * 1_000;
    let saidAt = begin.at;
    let saidRecords = 0;
    let backlogGoneAfter: number | null = null;
    while (performance.now() < end) {
      await sleep(Math.min(250, Math.max(1, end - performance.now())), undefined, { signal });
      const now = performance.now();
      const left = all.reduce((sum, { backlogLeft }) => sum + backlogLeft, 0);
      if (left === 0 && options.backlogGateways > 0) backlogGoneAfter ??= (now - begin.at) / 1_000;
      if (now - saidAt < SAY_MS) continue;
      const rate = ((live + late - saidRecords) * records.samples * 1_000) / (now - saidAt);
      const p99 = latencies.figures()?.p99;
      say(
        `  ${Math.round((now - begin.at) / 1_000)} s: ${Math.round(rate)} samples/s committed` +
          (p99 === undefined ? '' : `, p99 ${p99} ms`) +
          (left > 0 ? `, ${left * records.samples} samples of backlog left` : ''),
      );
      saidAt = now;
      saidRecords = live + late;
    }
    const took = (performance.now() - begin.at) / 1_000;
    const cpu = process.cpuUsage(begin.cpu);
    const measured = { live, late, latency: latencies.figures(), bytes: bytes() - begin.bytes, lateness };
    process.stdout.write(`${JSON.stringify({ measured: true })}\n`);
    clearInterval(pumping);
    for (const gateway of all) gateway.quieten();
    await until(
      () => all.every(({ settled }) => settled),
      SETTLE_DEADLINE_MS,
      signal,
      () => 'the hub has not committed what was sent',
    );
    const committed = all.reduce((sum, { committedSeq }) => sum + committedSeq, 0) * records.samples;
    const perSecond = (recordCount: number) => Math.round((recordCount * records.samples) / took);
    return {
      ...{ gateways: count, tags, hz, flatOut, seconds: round(took, 1), samplesPerRecord: records.samples },
      offeredSamplesPerSecond: flatOut ? null : Math.round(count * tags * (1_000 / records.periodMs)),
      samplesPerSecond: perSecond(measured.live + measured.late),
      liveSamplesPerSecond: perSecond(measured.live),
      commitMs: measured.latency,
      ...(options.backlogGateways > 0
        ? {
            backlog: {
              ...{ gateways: options.backlogGateways, hours: options.backlogHours },
              samplesPerSecond: perSecond(measured.late),
              samplesLeft: all.reduce((sum, { backlogLeft }) => sum + backlogLeft, 0) * records.samples,
              goneAfterSeconds: backlogGoneAfter === null ? null : round(backlogGoneAfter, 1),
            },
          }
        : {}),
      // Of all that was sent since the begin, the warm-up included.
      samplesCommitted: committed,
      ...troubles,
      bytesPerSample: round(measured.bytes / ((measured.live + measured.late) * records.samples), 2),
      generator: {
        cpuShare: round((cpu.user + cpu.system) / 1e6 / took, 2),
        latestTickMs: round(measured.lateness, 1),
      },
    };
  } finally {
    clearInterval(pumping);
    clearInterval(supervising);
    for (const gateway of all) gateway.stop();
  }
}

/** The id of a gateway by its place. */
export function gatewayId(prefix: string, index: number): string {
  return `${prefix}${String(index + 1).padStart(3, '0')}`;
}

async function until(done: () => boolean, withinMs: number, signal: AbortSignal, words: () => string): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(words());
    await sleep(20, undefined, { signal });
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
