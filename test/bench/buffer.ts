/**
 * The buffer alone: how close an append comes to a bare write of the same bytes, what a sample takes on the disk and
 * of its life, how long a start takes with a day's backlog, and how fast that backlog drains.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { GatewayBuffer } from '../../gateway/buffer/buffer.ts';
import type { LogRecord } from '../../gateway/buffer/disk-log.ts';
import { RECORD_HEADER } from '../../gateway/buffer/format.ts';
import { openLaneFolder, readSegment } from '../../gateway/buffer/lane-folder.ts';
import { HubLink } from '../../gateway/publisher/hub-link.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { writeBacklog } from './buffer-backlog.ts';
import { round } from './contestant.ts';
import { type CountedDisk, countedDisk } from './counted-disk.ts';
import { CountingHub } from './counting-hub.ts';
import { MachineData } from './machine-data.ts';

const MIB = 1024 * 1024;
const BACKLOG_MIB = 1024;
/** Of all machines in the 200 ms of one group. */
const POLLS = 2;
const BARE_BYTES = 64 * MIB;
const GATEWAY = 'bench';
const PASSWORD = 'bench';

export const buffer: Bench = {
  summary: 'the gateway’s buffer: appends, bytes, start and drain',
  defaultSeconds: 20,
  run,
};

const log = createLogger({ name: 'bench', level: 'silent' });

function makeBuffer(dir: string, onCommit: (record: LogRecord) => void, segmentMiB = 16): GatewayBuffer {
  // Groups are ended by hand, so that nothing but the work is measured.
  const config = { commitIntervalMs: 10_000, segmentMiB, maxMiB: 64 * 1024 };
  return new GatewayBuffer({ dir, config, log, now: Date.now, onCommit });
}

async function run(options: BenchOptions): Promise<Record<string, unknown>> {
  const dir = await mkdtemp(join(tmpdir(), 'lineside-bench-'));
  try {
    const wear = await measureWear(join(dir, 'wear'), options);
    const appends = await measureAppends(join(dir, 'appends'), options);
    const backlog = await measureBacklog(join(dir, 'backlog'), options);
    return { ...appends, ...wear, ...backlog, loadAverage: round(loadavg()[0]!, 1) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A buffer that gets group after group. */
function appender(dir: string, segmentMiB?: number) {
  const data = new MachineData();
  let newest: LogRecord | undefined;
  const made = makeBuffer(dir, (record) => (newest = record), segmentMiB);
  return {
    buffer: made,
    samples: () => made.stats().durableSamples,
    async open() {
      await made.open();
      made.describeTags(data.tags);
      await made.flush();
    },
    prepare: () => Array.from({ length: POLLS }, () => data.poll()).flat(),
    add(frames: ReturnType<MachineData['poll']>): void {
      for (const frame of frames) made.addFrame(frame);
    },
    /** What was added, durable. */
    async flush(): Promise<LogRecord> {
      await made.flush();
      return newest!;
    },
  };
}

/**
 * What happens at the end of each 200 ms, when the frames are in: from there until they are durable, beside a bare
 * write of the same bytes. Turn about, so that other work on the machine and its disk meets both.
 */
async function measureAppends(dir: string, { seconds, signal, say }: BenchOptions) {
  const rig = appender(dir);
  await rig.open();
  const bare = await open(join(dir, 'bare'), 'w+');
  await bare.write(Buffer.alloc(BARE_BYTES));
  await bare.sync();
  const groups: { added: number; ours: number; theirs: number }[] = [];
  let at = 0;
  const until = performance.now() + seconds * 300;
  for (let group = 0; performance.now() < until || group < 200; group++) {
    signal.throwIfAborted();
    const frames = rig.prepare();
    const begin = performance.now();
    rig.add(frames);
    const added = performance.now();
    const { payload } = await rig.flush();
    const durable = performance.now();
    const same = Buffer.alloc(RECORD_HEADER + payload.length, 1);
    if (at + same.length > BARE_BYTES) at = 0;
    const beginBare = performance.now();
    await bare.write(same, 0, same.length, at);
    await bare.datasync();
    // The first ones warm up.
    if (group >= 50)
      groups.push({ added: added - begin, ours: durable - added, theirs: performance.now() - beginBare });
    at += same.length;
  }
  await bare.close();
  await rig.buffer.close();
  // The middle one: a burst of somebody else's writes hits one of two neighbours.
  const addMs = median(groups.map(({ added }) => added));
  const appendMs = median(groups.map(({ ours }) => ours));
  const bareMs = median(groups.map(({ theirs }) => theirs));
  const bytesPerSample = round((await usedBytes(dir)) / rig.samples(), 2);
  say(`${groups.length} groups: durable in ${round(appendMs, 2)} ms, a bare write in ${round(bareMs, 2)} ms`);
  return {
    appendRatio: round(bareMs / appendMs, 2),
    ...{ appendMs: round(appendMs, 2), bareMs: round(bareMs, 2), addMs: round(addMs, 2), bytesPerSample },
  };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** What the records take on the disk, with their heads and what lies between them. */
async function usedBytes(dir: string): Promise<number> {
  const folder = await openLaneFolder(dir);
  const segments = await Promise.all(folder.segments.map((segment) => readSegment(folder, segment)));
  return segments.reduce((sum, segment) => sum + (segment?.end ?? 0), 0);
}

/** Where files are used again, as in all but a buffer's first minutes. Null where the system does not count. */
async function measureWear(folder: string, options: BenchOptions) {
  const disk = await countedDisk(folder, 24);
  try {
    return await wearOn(disk, options);
  } finally {
    disk.close();
  }
}

async function wearOn(disk: CountedDisk, { signal, say }: BenchOptions) {
  const rig = appender(join(disk.dir, 'buffer'), 1);
  await rig.open();
  const write = async (mib: number): Promise<number> => {
    let payload = 0;
    while (payload < mib * MIB) {
      signal.throwIfAborted();
      rig.add(rig.prepare());
      payload += (await rig.flush()).payload.length;
      await rig.buffer.committed(rig.buffer.newestSeq);
    }
    return payload;
  };
  // Three files are born: the one that is written, and two that are free.
  await write(3.5);
  const before = await disk.written();
  const payload = await write(3);
  const after = await disk.written();
  await rig.buffer.close();
  const writeAmplification = before === null || after === null ? null : round((after - before) / payload, 2);
  say(
    `bytes to the device by bytes of payload: ${writeAmplification}${disk.own ? '' : ', other programs’ included'}`,
  );
  return { writeAmplification, writeAmplificationOwnDisk: disk.own };
}

async function measureBacklog(dir: string, { seconds, signal, say, backlogMiB = BACKLOG_MIB }: BenchOptions) {
  const backlog = await writeBacklog(dir, backlogMiB);
  say(`a backlog of ${Math.round(backlog.bytes / MIB)} MiB: ${backlog.records} records, ${backlog.samples} samples`);
  let link: HubLink | undefined;
  const waiting = makeBuffer(dir, () => link?.notify());
  const begin = performance.now();
  await waiting.open();
  const openMs = performance.now() - begin;
  const { pendingSamples } = waiting.stats();
  if (pendingSamples !== backlog.samples)
    throw new Error(`${pendingSamples} of ${backlog.samples} samples were found`);
  say(`opened in ${openMs.toFixed(0)} ms`);

  const hub = new CountingHub(GATEWAY, PASSWORD);
  await hub.start();
  link = linkTo(hub.port, waiting);
  link.start();
  // Connecting is not draining, and the first second compiles.
  await whileWaiting(() => hub.samples === 0, signal);
  await sleep(1_000);
  const { user, system } = process.cpuUsage();
  const beginDrain = performance.now();
  const already = hub.samples;
  let drained = 0;
  let drainMs = 0;
  while (hub.samples < backlog.samples && drainMs < seconds * 500) {
    signal.throwIfAborted();
    await sleep(20);
    drained = hub.samples - already;
    drainMs = performance.now() - beginDrain;
  }
  const cpu = process.cpuUsage({ user, system });
  await link.stop();
  await waiting.close();
  await hub.stop();
  if (hub.gaps > 0) throw new Error(`the hub found ${hub.gaps} gaps`);
  say(`${drained} samples drained in ${(drainMs / 1e3).toFixed(1)} s`);
  return {
    backlogMiB,
    openMs: round(openMs, 0),
    drainSamplesPerSecond: Math.round((1e3 * drained) / drainMs),
    drainCpuSecondsPerMillion: round((cpu.user + cpu.system) / drained, 2),
  };
}

async function whileWaiting(condition: () => boolean, signal: AbortSignal): Promise<void> {
  while (condition()) {
    signal.throwIfAborted();
    await sleep(20);
  }
}

function linkTo(port: number, waiting: GatewayBuffer): HubLink {
  return new HubLink({
    gateway: GATEWAY,
    endpoint: { url: `mqtt://127.0.0.1:${port}`, password: PASSWORD, resolvePath: (path) => path },
    buffer: waiting,
    urgent: waiting.urgent,
    status: () => ({
      ...{ gateway: GATEWAY, online: true, at: Date.now(), version: '', startedAt: 0, devices: [] },
      buffer: { epoch: waiting.epoch, pendingRecords: 0, pendingSamples: 0, bytes: 0 },
    }),
    onAcknowledge: () => Promise.reject(new Error('nobody acknowledges here')),
    onWrite: () => Promise.reject(new Error('nobody writes here')),
    log,
    now: Date.now,
  });
}
