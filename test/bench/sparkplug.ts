/**
 * What the Sparkplug node costs: changes of 20 devices × 50 tags at 10 Hz, sent every 200 ms, encoded and decoded
 * without a network; and how soon the births of 10,000 metrics are out again, with Mosquitto in between.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Frame, TagInfo } from '@lineside/shared/contracts/frame.ts';
import { readPayload } from '@lineside/shared/wire/sparkplug/payload-reader.ts';
import { writePayload } from '@lineside/shared/wire/sparkplug/payload-writer.ts';
import { pino } from 'pino';
import { SparkplugNode } from '../../gateway/sparkplug/edge-node.ts';
import { LiveData } from '../../gateway/sparkplug/live-data.ts';
import { SparkplugHost } from '../gateway/sparkplug/sparkplug-host.ts';
import { hasMosquitto, Mosquitto } from '../services/mosquitto.ts';
import type { Bench } from './bench.ts';

const DEVICES = 20;
const TAGS = 50;
const REBIRTH_METRICS = 10_000;
const GROUP = 'plant';
const NODE = 'line-1';

export const sparkplug: Bench = {
  summary: 'the Sparkplug node: CPU and bytes a sample, and a rebirth of 10,000 metrics',
  defaultSeconds: 6,
  async run({ seconds, signal, say }) {
    const encoding = encode((seconds * 1_000) / 3, signal);
    say(`encoded ${encoding.samples} samples`);
    const decoding = decode(encoding.last, (seconds * 1_000) / 3, signal);
    const rebirthMs = hasMosquitto ? await rebirth() : null;
    const { samples, cpuSeconds, bytes } = encoding;
    return {
      encodeCpuSecondsPerMillion: round((cpuSeconds / samples) * 1e6),
      decodeCpuSecondsPerMillion: round((decoding.cpuSeconds / decoding.samples) * 1e6),
      bytesPerSample: round(bytes / samples),
      rebirthMs,
    };
  },
};

const round = (value: number) => Math.round(value * 1_000) / 1_000;

function tagsOf(devices: number, each: number): TagInfo[] {
  return Array.from({ length: devices * each }, (_, i) => ({
    id: i + 1,
    device: `device-${Math.floor(i / each)}`,
    name: `area/line/tag-${i}`,
    type: 'float32',
    unit: 'Cel',
    description: '',
  }));
}

function cpuSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/** From a frame to the bytes of its message. */
function encode(ms: number, signal: AbortSignal) {
  const live = new LiveData();
  for (const tag of tagsOf(DEVICES, TAGS)) live.born(tag, null);
  const ids = Array.from({ length: DEVICES }, (_, d) => Array.from({ length: TAGS }, (_, i) => d * TAGS + i + 1));
  let [samples, bytes, round] = [0, 0, 0];
  let last: Buffer = Buffer.alloc(0);
  const interval = () => {
    for (let poll = 0; poll < 2; poll++) {
      const at = 1_795_337_589_000 + 100 * ++round;
      ids.forEach((tags, d) => {
        const values = tags.map((tag) => tag + round / 8);
        const rest = { sourceAt: tags.map(() => at), quality: tags.map(() => 0) };
        live.observe({ device: `device-${d}`, receivedAt: at, tags, values, ...rest } satisfies Frame, at);
        samples += TAGS;
      });
    }
    for (let d = 0; d < DEVICES; d++) {
      last = writePayload({ timestamp: Date.now(), seq: d, metrics: live.take(`device-${d}`) });
      bytes += last.length;
    }
  };
  for (let i = 0; i < 200; i++) interval();
  samples = bytes = 0;
  const start = process.cpuUsage();
  for (const end = performance.now() + ms; performance.now() < end; ) {
    signal.throwIfAborted();
    interval();
  }
  return { samples, bytes, cpuSeconds: cpuSince(start), last };
}

function decode(payload: Buffer, ms: number, signal: AbortSignal) {
  for (let i = 0; i < 2_000; i++) readPayload(payload);
  let samples = 0;
  const start = process.cpuUsage();
  for (const end = performance.now() + ms; performance.now() < end; ) {
    signal.throwIfAborted();
    for (let i = 0; i < 100; i++) samples += readPayload(payload).metrics.length;
  }
  return { samples, cpuSeconds: cpuSince(start) };
}

/** From the command at the host to the last birth there, milliseconds. */
async function rebirth(): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'lineside-bench-sparkplug-'));
  const broker = await Mosquitto.start(dir);
  const host = await SparkplugHost.connect(broker.url, GROUP, NODE);
  const tags = tagsOf(2, REBIRTH_METRICS / 2);
  const devices = [0, 1].map((i) => ({ device: `device-${i}`, state: 'up' as const }));
  const node = new SparkplugNode({
    config: {
      ...{ url: broker.url, group: GROUP, mqttVersion: '3.1.1', publishIntervalMs: 200 },
      history: { enabled: false, maxAgeHours: 1, samplesPerSecond: 1_000, overlapMs: 0 },
    },
    node: NODE,
    endpoint: { url: broker.url, resolvePath: (path) => path },
    dataDir: dir,
    tags: () => tags,
    devices: () => devices,
    lastValue: (_, tag) => ({ sourceAt: Date.now(), value: tag / 7, quality: 0 }),
    nodeMetrics: () => [],
    write: () => Promise.reject(new Error('nothing is written here')),
    history: undefined,
    log: pino({ level: 'silent' }),
    now: Date.now,
    timing: { rebirthMs: 0 },
  });
  try {
    const births = async (count: number) => {
      for (const end = performance.now() + 30_000; host.of('DBIRTH', 'device-1').length < count; ) {
        if (performance.now() > end) throw new Error('the births did not come');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return host.of('DBIRTH', 'device-1').at(-1)!.at;
    };
    node.start();
    await births(1);
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const asked = performance.now();
      await host.rebirth();
      times.push((await births(i + 2)) - asked);
    }
    return Math.round(times.sort((a, b) => a - b)[2]!);
  } finally {
    await node.stop();
    await host.close();
    await broker.kill();
    await rm(dir, { recursive: true, force: true });
  }
}
