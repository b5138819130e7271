/**
 * What the gateway alone costs, durable and acknowledged: 20 Modbus devices of 50 float32 to the real gateway process, with
 * a hub that commits at once. Once at the pace of 100 ms, and once as fast as the devices answer.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GATEWAY, PASSWORD } from '../gateway/publisher/fake-hub.ts';
import { type ProcessUsage, usageOf } from '../services/process-usage.ts';
import { Program } from '../services/program.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { committingHub } from './committing-hub.ts';
import { round } from './contestant.ts';

const DEVICES = 20;
const FLOATS = 50;
const WARM_UP_MS = 5_000;
/** As the unit, the image and `npm run gateway` start it. */
const SHIPPED = ['--max-semi-space-size=4'];
const SHIPPED_ENV = { MALLOC_ARENA_MAX: '1' };
/**
 * The driver polls by the clock. To be asked as fast as it answers, each device gets so many units, and a period in which
 * they cannot all be read: then its line is never idle.
 */
const SATURATED = { units: 8, pollMs: 10 };
const PACED = { units: 1, pollMs: 100 };

export const gateway: Bench = {
  summary: `the gateway alone: ${DEVICES} Modbus devices of ${FLOATS} float32, at pace and as fast as they answer`,
  defaultSeconds: 40,
  async run(options) {
    return {
      paced: await phase('paced', PACED, options),
      saturated: await phase('saturated', SATURATED, options),
      loadAverage: round(loadavg()[0]!, 1),
    };
  },
};

interface Picture {
  buffer: { durableSamples: number; droppedSamples: number };
  status: { buffer: { pendingSamples: number }; devices: { state: string; missed: number }[] };
}

async function phase(
  name: string,
  { units, pollMs }: typeof PACED,
  { seconds, profileDir, signal, say }: BenchOptions,
): Promise<Record<string, unknown>> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'lineside-bench-gateway-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const start = async (
    what: string,
    args: string[],
    ready: (told: Record<string, unknown>) => boolean,
    env: NodeJS.ProcessEnv = {},
  ) => {
    const complain = (line: string) => hushed || say(`  ${what}: ${line}`);
    const program = new Program({ name: what, args, ready, complain, env: () => env });
    stack.defer(() => program.stop().catch(() => undefined));
    return { program, told: await program.start() };
  };
  // That it cannot keep the periods is meant.
  const hushed = units > 1;
  const hub = await committingHub();
  stack.defer(() => hub.kill());
  const plant = ['test/services/fake-modbus-plant.ts', String(DEVICES), String(FLOATS)];
  const { told: devices } = await start('the devices', plant, (told) => 'ports' in told);
  const file = await writeConfig(dir, hub.port, devices.ports as number[], units, pollMs);
  const profile = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${join(profileDir, name)}`] : [];
  const { program, told } = await start(
    'the gateway',
    [...profile, ...SHIPPED, 'gateway/main.ts', 'run', '--config', file],
    ({ ready, url }) => ready === true && String(url).startsWith('http'),
    SHIPPED_ENV,
  );
  const picture = async () => (await (await fetch(`${told.url}/api/status`)).json()) as Picture;
  say(`${name}: warming up`);
  await sleep(WARM_UP_MS, undefined, { signal });

  const read = async () => ({ at: performance.now(), usage: usageOf(program.pid), picture: await picture() });
  const before = await read();
  let rss = before.usage.rssMb;
  const measureMs = (seconds * 1_000) / 2;
  say(`${name}: measuring for ${Math.round(measureMs / 1_000)} s`);
  while (performance.now() - before.at < measureMs) {
    await sleep(Math.min(1_000, before.at + measureMs - performance.now()), undefined, { signal });
    rss = Math.max(rss, usageOf(program.pid).rssMb);
  }
  const after = await read();
  const samples = after.picture.buffer.durableSamples - before.picture.buffer.durableSamples;
  const took = (after.at - before.at) / 1_000;
  const down = after.picture.status.devices.filter(({ state }) => state !== 'up').length;
  if (samples === 0 || down > 0) throw new Error(`${name}: ${samples} samples came, ${down} devices are down`);
  return {
    cpuSecondsPerMillion: round((cpu(before.usage, after.usage) / samples) * 1e6, 2),
    samplesPerSecond: Math.round(samples / took),
    rssMb: Math.round(rss),
    coreShare: round(cpu(before.usage, after.usage) / took, 2),
    dropped: after.picture.buffer.droppedSamples,
    pendingSamples: after.picture.status.buffer.pendingSamples,
  };
}

function cpu(before: ProcessUsage, after: ProcessUsage): number {
  return after.cpuSeconds - before.cpuSeconds;
}

/** JSON is YAML, too. */
async function writeConfig(dir: string, mqttPort: number, ports: number[], units: number, pollMs: number) {
  await writeFile(join(dir, 'secret'), `${PASSWORD}\n`, { mode: 0o600 });
  const tags = Array.from({ length: FLOATS }, (_, i) => ({
    ...{ name: `f${i}`, address: `holding:${2 * i}`, type: 'float32' },
  }));
  const file = join(dir, 'gateway.yaml');
  const config = {
    gateway: { id: GATEWAY },
    dataDir: 'gateway',
    hub: { url: `mqtt://127.0.0.1:${mqttPort}`, passwordFile: 'secret' },
    local: { port: 0 },
    devices: ports.flatMap((port, i) =>
      Array.from({ length: units }, (_, unit) => ({
        ...{ id: `d${i}-${unit}`, driver: 'modbus', host: '127.0.0.1', port, unitId: unit + 1, pollMs, tags },
      })),
    ),
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}
