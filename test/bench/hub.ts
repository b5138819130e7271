/**
 * The hub under the load of a whole plant: 200 gateways of 100 tags at the wire, by a process of their own, and the hub's
 * own process measured by itself. For each kind of stores: the same samples straight into the time-series store, the
 * most that the hub takes, what a commit takes at half of that, and live gateways while others catch up.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { LoadRecords } from '../load/load-records.ts';
import { startLoadedHub } from '../load/loaded-hub.ts';
import { hasInfluxDb, InfluxDb } from '../services/influxdb.ts';
import { hasPostgres, Postgres } from '../services/postgres.ts';
import { type ProcessUsage, usageOf } from '../services/process-usage.ts';
import { Program } from '../services/program.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { bulkDuckDb, bulkInflux } from './bulk-load.ts';
import { round } from './contestant.ts';
import { slopeOf } from './slope.ts';

const GATEWAYS = 200;
const TAGS = 100;
/** Of all that 500,000 samples a second are, which makes records of 500. */
const FLAT_OUT_HZ = 25;
const RECORD_POLLS = 5;
const BULK_SAMPLES = 2_000_000;
const BACKLOG = { gateways: 20, hours: 24 };
const PREFIX = 'load-';
const WARM_UP = ['--warm-up', '10'];
const RSS_MS = 2_000;
/** 400,000 samples a second, so that the store's cache (512 MB by default) is full long before a long run is half over. */
const SOAK_HZ = 20;
/** The store's cache, the young generation, pools and compiled code fill in this part of a long run. */
const SETTLING_PART = 0.3;

export const hub: Bench = {
  summary: `${GATEWAYS} gateways of ${TAGS} tags into the hub, each part for so long; --store, --soak`,
  defaultSeconds: 30,
  run: async (options) => {
    const { store = 'all', say } = options;
    const figures: Record<string, unknown> = {};
    if (store === 'all' || store === 'embedded') figures.embedded = await measure(options, 'embedded');
    if (store === 'all' || store === 'servers') {
      if (hasPostgres && hasInfluxDb) figures.servers = await measure(options, 'servers');
      else say('skipped: PostgreSQL and InfluxDB, which are not installed');
    }
    return figures;
  },
};

/** What a load of gateways reports, as far as it is of interest here. */
interface LoadFigures {
  samplesPerSecond: number;
  liveSamplesPerSecond: number;
  samplesCommitted: number;
  bytesPerSample: number;
  commitMs: { p50: number; p99: number; max: number } | null;
  backlog?: { samplesPerSecond: number; samplesLeft: number; goneAfterSeconds: number | null };
  resends: number;
  reconnects: number;
  generator: { cpuShare: number; latestTickMs: number };
}

interface Run {
  load: LoadFigures;
  cpuSecondsPerMillion: number;
  rss: { x: number; y: number }[];
}

async function measure(options: BenchOptions, kind: 'embedded' | 'servers'): Promise<Record<string, unknown>> {
  const { seconds, profileDir, signal, say, soakSeconds = 0 } = options;
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'lineside-bench-hub-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  let ending = false;
  const complain = (line: string) => ending || say(`  the hub: ${line}`);

  let influx: InfluxDb | undefined;
  let newStores: (() => Promise<Record<string, unknown>>) | undefined;
  if (kind === 'servers') {
    say('starting PostgreSQL and InfluxDB');
    // As an administrator would have them, and not as tests.
    const postgres = await Postgres.start(['fsync=on', 'shared_buffers=128MB', 'autovacuum=on']);
    stack.defer(() => postgres.dispose());
    const server = await InfluxDb.start();
    stack.defer(() => server.remove());
    influx = server;
    newStores = async () => {
      const database = await postgres.newDatabase();
      return {
        relational: { url: postgres.url(database), username: 'postgres' },
        timeSeries: { influx: { url: server.url, database } },
      };
    };
  }

  const records = bulkRecords();
  const bulk = () => (influx ? bulkInflux(influx, records, signal) : bulkDuckDb(dir, records, signal));
  say(`${kind}: ${BULK_SAMPLES} samples straight into the store`);
  const cpu = process.cpuUsage();
  const bulkPerSecond = await bulk();
  const { user, system } = process.cpuUsage(cpu);
  const bulkCpu = (user + system) / BULK_SAMPLES;
  say(`  ${Math.round(bulkPerSecond)} samples/s`);

  const flags = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : [];
  let bytes = 0;
  // A hub and stores of its own for each: what came before was of times that are yet to come, and all would be late.
  const load = async (what: string, ...args: string[]) => {
    say(`${kind}: ${what}`);
    const folder = await mkdtemp(join(dir, 'load-'));
    const stores = await newStores?.();
    ending = false;
    const hub = await startLoadedHub({ dir: folder, gateways: GATEWAYS, prefix: PREFIX, stores, flags, complain });
    try {
      const common = ['--broker', hub.broker.href, '--password-file', join(folder, 'secret'), '--prefix', PREFIX];
      const counts = ['--gateways', String(GATEWAYS), '--tags', String(TAGS)];
      return await runLoad([...common, ...counts, ...args], hub.program.pid, options);
    } finally {
      ending = true;
      await hub.program.stop().catch((error: unknown) => say(messageOf(error)));
      bytes += await storeBytes(hub.dataDir);
    }
  };
  const loads = { seconds: String(seconds) };

  const most = await load(
    'as fast as it goes',
    '--flat-out',
    '--hz',
    String(FLAT_OUT_HZ),
    ...WARM_UP,
    '--seconds',
    loads.seconds,
  );
  const halfHz = most.load.samplesPerSecond / 2 / (GATEWAYS * TAGS);
  // The same records, half as often.
  const halfMs = String((RECORD_POLLS * 1_000) / halfHz);
  const half = await load(
    'half of that',
    '--hz',
    String(halfHz),
    '--commit-ms',
    halfMs,
    ...WARM_UP,
    '--seconds',
    loads.seconds,
  );
  const behind = ['--backlog-hours', String(BACKLOG.hours), '--backlog-gateways', String(BACKLOG.gateways)];
  const catching = await load(
    `${BACKLOG.gateways} gateways catch up ${BACKLOG.hours} h, the others are live`,
    ...['--hz', '1', ...behind, '--warm-up', '5', '--seconds', loads.seconds],
  );
  const soak =
    soakSeconds > 0
      ? await load(
          `memory, ${round(soakSeconds / 60, 1)} min`,
          '--hz',
          String(SOAK_HZ),
          ...WARM_UP,
          '--seconds',
          String(soakSeconds),
        )
      : undefined;

  const runs = [most, half, catching, ...(soak ? [soak] : [])];
  const committed = runs.reduce((sum, { load: { samplesCommitted } }) => sum + samplesCommitted, 0);
  return {
    samplesPerSecond: most.load.samplesPerSecond,
    ratioToBulk: round(most.load.samplesPerSecond / bulkPerSecond, 2),
    bulk: { samplesPerSecond: Math.round(bulkPerSecond), cpuSecondsPerMillion: round(bulkCpu, 2) },
    cpuSecondsPerMillion: most.cpuSecondsPerMillion,
    rssMb: highest(runs.flatMap(({ rss }) => rss)),
    commitMs: half.load.commitMs,
    half: { samplesPerSecond: half.load.samplesPerSecond, cpuSecondsPerMillion: half.cpuSecondsPerMillion },
    catchUp: {
      liveMs: catching.load.commitMs,
      liveSamplesPerSecond: catching.load.liveSamplesPerSecond,
      cpuSecondsPerMillion: catching.cpuSecondsPerMillion,
      ...catching.load.backlog,
    },
    ...(soak ? { soak: soakFigures(soak) } : {}),
    samplesCommitted: committed,
    ...(influx ? {} : { diskBytesPerSample: round(bytes / committed, 2) }),
    wireBytesPerSample: half.load.bytesPerSample,
    resends: runs.reduce((sum, { load: { resends } }) => sum + resends, 0),
    reconnects: runs.reduce((sum, { load: { reconnects } }) => sum + reconnects, 0),
    generatorCpuShare: most.load.generator.cpuShare,
    loadAverage: round(loadavg()[0]!, 1),
  };
}

async function runLoad(args: string[], hubPid: number, { signal, say }: BenchOptions): Promise<Run> {
  const { promise, resolve, reject } = Promise.withResolvers<LoadFigures>();
  let after: ProcessUsage | undefined;
  const program = new Program({
    name: 'the load',
    args: ['test/load/run.ts', ...args],
    ready: ({ measuring }) => measuring === true,
    startDeadlineMs: 300_000,
    hear: (line) => {
      if (line.startsWith('{"measured"')) after = usageOf(hubPid);
      if (line.startsWith('{"load"')) resolve(JSON.parse(line) as LoadFigures);
    },
    complain: say,
  });
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort);
  const rss: Run['rss'] = [];
  let reading: NodeJS.Timeout | undefined;
  try {
    await program.start();
    const before = usageOf(hubPid);
    reading = setInterval(() => {
      rss.push({ x: performance.now() / 3_600_000, y: usageOf(hubPid).rssMb });
      if (!program.running) reject(new Error(program.crash || 'the load has ended'));
    }, RSS_MS);
    const load = await promise;
    const samples = load.samplesPerSecond * ((load as { seconds?: number }).seconds ?? 0);
    return { load, rss, cpuSecondsPerMillion: round(((after!.cpuSeconds - before.cpuSeconds) / samples) * 1e6, 2) };
  } finally {
    clearInterval(reading);
    signal.removeEventListener('abort', abort);
    await program.stop().catch(() => undefined);
  }
}

/** What the load sends, of all gateways in turn, with the tags of each under numbers of their own. */
function bulkRecords() {
  const records = new LoadRecords(TAGS, FLAT_OUT_HZ);
  const from = Date.now();
  return Array.from({ length: Math.ceil(BULK_SAMPLES / records.samples) }, (_, i) => {
    const gateway = i % GATEWAYS;
    const seq = Math.floor(i / GATEWAYS) + 1;
    return records.columns(7 * gateway + seq, from + (seq - 1) * records.stepMs, gateway * TAGS + 1);
  });
}

function soakFigures({ rss, load, cpuSecondsPerMillion }: Run) {
  const points = rss.slice(Math.floor(rss.length * SETTLING_PART));
  const { slope, error } = slopeOf(points);
  return {
    ...{ samplesPerSecond: load.samplesPerSecond, cpuSecondsPerMillion, commitMs: load.commitMs },
    rssSlopeMbPerHour: round(slope, 1),
    rssSlopeErrorMbPerHour: round(error, 1),
    rssFirstMb: Math.round(points[0]!.y),
    rssLastMb: Math.round(points.at(-1)!.y),
    rssMaxMb: highest(rss),
    // Each time the store's file is opened anew, its cache is empty: the highest tell more than a line through a saw.
    rssMaxMbByThird: [0, 1, 2].map((third) => {
      const [from, to] = [third, third + 1].map((i) => Math.floor((rss.length * i) / 3));
      return highest(rss.slice(from, to));
    }),
  };
}

function highest(points: { y: number }[]): number {
  return Math.round(Math.max(...points.map(({ y }) => y)));
}

async function storeBytes(dataDir: string): Promise<number> {
  const file = join(dataDir, 'timeseries.duckdb');
  const sizes = await Promise.all(
    [file, `${file}.wal`].map((path) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
