/**
 * The whole way of the data at a fixed pace: 20 Modbus devices of 50 float32 each, polled every 100 ms by the real
 * gateway process, through the hub's broker into the hub's embedded stores, and out again on its live socket.
 *
 * What is lost is found at both ends of the way: every read that a fake device has answered carries its number, and
 * each number has to be in the hub's store once for each float.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessUsage, usageOf } from '../services/process-usage.ts';
import { Program } from '../services/program.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { HubClient } from './hub-client.ts';
import {
  deviceName,
  FLOATS,
  GATEWAY,
  MACHINES,
  POLL_MS,
  writeGatewayConfig,
  writeHubConfig,
} from './pipeline-config.ts';
import { proveComplete } from './pipeline-proof.ts';

const DEVICES = 20;
const WARM_UP_MS = 5_000;
/** The buffer's default. */
const COMMIT_MS = 200;
const DRAIN_DEADLINE_MS = 30_000;
/** As fast as the live socket goes. */
const MAX_RATE = 20;

export const pipeline: Bench = {
  summary: `${DEVICES} Modbus devices of ${FLOATS} float32 every ${POLL_MS} ms through gateway and hub`,
  defaultSeconds: 30,
  run,
};

/** The parts of the gateway's own page that are of interest here. */
interface GatewayPicture {
  buffer: { durableSamples: number; droppedSamples: number };
  status: { buffer: { pendingSamples: number }; devices: { state: string; missed: number }[] };
}

interface Reading {
  at: number;
  gateway: ProcessUsage;
  hub: ProcessUsage;
  durable: number;
  stored: number;
  missedPolls: number;
}

async function run({ seconds, profileDir, signal, say }: BenchOptions): Promise<Record<string, unknown>> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'lineside-bench-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  let hushing = false;
  const start = async (name: string, args: string[], ready: (told: Record<string, unknown>) => boolean) => {
    const program = new Program({ name, args, ready, complain: (line) => hushing || say(`  ${name}: ${line}`) });
    stack.defer(() => program.stop().catch(() => undefined));
    return { program, told: await program.start() };
  };
  const profile = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : [];

  say(`starting ${DEVICES} devices, the hub and the gateway in ${dir}`);
  const plantArgs = ['test/services/fake-modbus-plant.ts', String(DEVICES), String(FLOATS)];
  const { program: plant, told: devices } = await start('the plant', plantArgs, (told) => 'ports' in told);
  const hubArgs = [...profile, 'hub/main.ts', 'run', '--config', await writeHubConfig(dir)];
  const { program: hub, told: hubTold } = await start('the hub', hubArgs, (told) => told.ready === true);
  const gatewayFile = await writeGatewayConfig(dir, hubTold.mqttPort as number, devices.ports as number[]);
  const gatewayArgs = [...profile, 'gateway/main.ts', 'run', '--config', gatewayFile];
  const { program: gateway, told: gatewayTold } = await start(
    'the gateway',
    gatewayArgs,
    (told) => told.ready === true && String(told.url).startsWith('http'),
  );
  const picture = async () => (await (await fetch(`${gatewayTold.url}/api/status`)).json()) as GatewayPicture;
  const client = new HubClient(hubTold.url as string);
  stack.defer(() => client.close());
  await client.signIn(hubTold.firstUser as string, hubTold.firstPassword as string);

  const read = async (): Promise<Reading> => {
    const [{ buffer, status }, { samplesStored }] = await Promise.all([picture(), client.gateway(GATEWAY)]);
    return {
      at: performance.now(),
      gateway: usageOf(gateway.pid),
      hub: usageOf(hub.pid),
      durable: buffer.durableSamples,
      stored: samplesStored,
      missedPolls: status.devices.reduce((sum, { missed }) => sum + missed, 0),
    };
  };

  say(`warming up for ${WARM_UP_MS / 1_000} s`);
  await sleep(WARM_UP_MS, undefined, { signal });
  await client.watch(await watchedTags(client), MAX_RATE);
  const before = await read();
  client.ages = [];
  const rss = { gateway: before.gateway.rssMb, hub: before.hub.rssMb };
  say(`measuring for ${seconds} s`);
  const end = before.at + seconds * 1_000;
  while (performance.now() < end) {
    await sleep(Math.min(1_000, Math.max(0, end - performance.now())), undefined, { signal });
    rss.gateway = Math.max(rss.gateway, usageOf(gateway.pid).rssMb);
    rss.hub = Math.max(rss.hub, usageOf(hub.pid).rssMb);
  }
  const after = await read();
  const ages = client.ages;
  client.close();

  say('letting the devices fall silent and the last samples arrive');
  // That every device is down will be said, and is meant.
  hushing = true;
  const { hushed } = (await plant.ask('hush', 'hushed')) as { hushed: number[] };
  const last = await drained(picture, client, signal);
  await gateway.stop();
  await hub.stop();
  await plant.stop();
  say('comparing what the devices served with what the hub has stored');
  const proof = await proveComplete(join(dir, 'hub'), hushed);

  const elapsed = (after.at - before.at) / 1_000;
  return {
    samplesPerSecond: Math.round((after.stored - before.stored) / elapsed),
    gateway: figuresOf(before.gateway, after.gateway, after.durable - before.durable, rss.gateway),
    hub: figuresOf(before.hub, after.hub, after.stored - before.stored, rss.hub),
    lost: Math.max(proof.lost, last.durable - proof.stored, last.dropped),
    repeated: proof.repeated,
    latencyMs: { p50: percentile(ages, 50), p99: percentile(ages, 99) },
    seconds: round(elapsed, 1),
    missedPolls: after.missedPolls - before.missedPolls,
    samplesChecked: proof.served,
    diskBytesPerSample: round(proof.bytes / proof.stored, 2),
    loadAverage: round(loadavg()[0]!, 1),
  };
}

/** Two machines' worth of tags, as somebody who looks at a page watches. */
async function watchedTags(client: HubClient): Promise<number[]> {
  const tags: number[] = [];
  for (let machine = 0; machine < Math.min(2, MACHINES); machine++) {
    for (const tag of await client.tagsOf(`bench/site/area/line/${deviceName(machine)}`)) tags.push(tag.id);
  }
  if (tags.length === 0) throw new Error('the hub knows no tag after the warm-up: nothing has come through');
  return tags;
}

/** Waits until every device counts as down and nothing is on its way any more. */
async function drained(picture: () => Promise<GatewayPicture>, client: HubClient, signal: AbortSignal) {
  const deadline = performance.now() + DRAIN_DEADLINE_MS;
  for (;;) {
    const silent = (await picture()).status.devices.every(({ state }) => state === 'down');
    // What a device had said before is in the buffer's next commit.
    await sleep(2 * COMMIT_MS, undefined, { signal });
    const { buffer } = await picture();
    const { samplesStored } = await client.gateway(GATEWAY);
    const last = { durable: buffer.durableSamples, dropped: buffer.droppedSamples };
    if ((silent && samplesStored === last.durable) || performance.now() > deadline) return last;
  }
}

function figuresOf(before: ProcessUsage, after: ProcessUsage, samples: number, rssMb: number) {
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  return { cpuSecondsPerMillion: round((cpuSeconds / samples) * 1e6, 2), rssMb: Math.round(rssMb) };
}

function percentile(values: number[], percent: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))] ?? null;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
