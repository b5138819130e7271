/**
 * Whether the gateway's memory grows: the whole gateway process collects over Modbus and OPC UA, runs a model and
 * alarms that come and go, and streams to a hub in this process that commits everything at once.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { usageOf } from '../services/process-usage.ts';
import { Program } from '../services/program.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { committingHub } from './committing-hub.ts';
import { round } from './contestant.ts';
import { paceOf } from './opcua-load.ts';
import { slopeOf } from './slope.ts';
import { GROUPS, MODBUS, writeSoakConfig } from './soak-config.ts';

const SAMPLE_MS = 2_000;
const SAY_MS = 30_000;
/** Compiled code, pools and the young generation fill in this time. */
const WARM_UP_PART = 0.2;
const MAX_WARM_UP_MS = 300_000;
/** First and last figure: the mean over so many samples, for garbage makes a saw of each single one. */
const ENDS = 5;

export const soak: Bench = {
  summary: `how the gateway's memory grows over --minutes N`,
  defaultSeconds: 600,
  run,
};

/** The parts of the gateway's own page that are of interest here. */
interface Picture {
  buffer: { durableSamples: number; droppedSamples: number };
  status: { buffer: { pendingSamples: number }; devices: { device: string; state: string; missed: number }[] };
}

async function run({ seconds, profileDir, signal, say }: BenchOptions): Promise<Record<string, unknown>> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'lineside-soak-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const start = async (name: string, args: string[], ready: (told: Record<string, unknown>) => boolean) => {
    const program = new Program({ name, args, ready, complain: (line) => say(`  ${name}: ${line}`) });
    stack.defer(() => program.stop().catch(() => undefined));
    return { program, told: await program.start() };
  };

  const hub = await committingHub();
  stack.defer(() => hub.kill());
  const modbusArgs = ['test/services/fake-modbus-plant.ts', String(MODBUS.devices), String(MODBUS.floats)];
  const { told: modbus } = await start('the Modbus devices', modbusArgs, (told) => 'ports' in told);
  const opcuaArgs = ['test/bench/opcua-plant-child.ts', JSON.stringify(GROUPS)];
  const { told: opcua } = await start('the OPC UA server', opcuaArgs, (told) => 'endpoint' in told);
  const file = await writeSoakConfig(dir, {
    mqttPort: hub.port,
    modbusPorts: modbus.ports as number[],
    opcuaEndpoint: opcua.endpoint as string,
  });
  const profile = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : [];
  const { program: gateway, told } = await start(
    'the gateway',
    [...profile, 'gateway/main.ts', 'run', '--config', file],
    (told) => told.ready === true && String(told.url).startsWith('http'),
  );
  const picture = async () => (await (await fetch(`${told.url}/api/status`)).json()) as Picture;

  const served = (1_000 / MODBUS.pollMs) * MODBUS.devices * MODBUS.floats + paceOf(GROUPS);
  const warmUpMs = Math.min(MAX_WARM_UP_MS, WARM_UP_PART * seconds * 1_000);
  say(
    `soaking for ${round(seconds / 60, 1)} min at ${served} values/s, the first ${Math.round(warmUpMs / 1_000)} s to warm up`,
  );
  const begun = performance.now();
  const points: { x: number; y: number }[] = [];
  let before: { at: number; cpuSeconds: number; picture: Picture } | undefined;
  let mostPending = 0;
  let saidAt = 0;
  for (;;) {
    const elapsed = performance.now() - begun;
    if (elapsed >= seconds * 1_000) break;
    await sleep(Math.min(SAMPLE_MS, seconds * 1_000 - elapsed), undefined, { signal });
    const at = performance.now() - begun;
    const { rssMb, cpuSeconds } = usageOf(gateway.pid);
    if (at >= warmUpMs) {
      points.push({ x: at / 3_600_000, y: rssMb });
      before ??= { at, cpuSeconds, picture: await picture() };
    }
    if (at - saidAt < SAY_MS) continue;
    saidAt = at;
    const { status, buffer } = await picture();
    mostPending = Math.max(mostPending, status.buffer.pendingSamples);
    const slope = points.length > 2 ? `, ${round(slopeOf(points).slope, 1)} MB/hour so far` : '';
    say(`  ${Math.round(at / 1_000)} s: ${Math.round(rssMb)} MB${slope}; ${buffer.durableSamples} samples kept`);
  }
  if (!before || points.length < 3) throw new Error('that was too short; give it a minute at least');

  const last = await picture();
  const { cpuSeconds } = usageOf(gateway.pid);
  const took = (performance.now() - begun - before.at) / 1_000;
  const kept = last.buffer.durableSamples - before.picture.buffer.durableSamples;
  const down = last.status.devices.filter(({ state }) => state !== 'up').map(({ device }) => device);
  const { slope, error } = slopeOf(points);
  const rss = points.map(({ y }) => y);
  return {
    rssSlopeMbPerHour: round(slope, 2),
    rssSlopeErrorMbPerHour: round(error, 2),
    rssFirstMb: round(mean(rss.slice(0, ENDS)), 1),
    rssLastMb: round(mean(rss.slice(-ENDS)), 1),
    rssMaxMb: round(Math.max(...rss), 1),
    minutes: round(seconds / 60, 2),
    warmUpSeconds: Math.round(warmUpMs / 1_000),
    rssSamples: points.length,
    samplesPerSecond: Math.round(kept / took),
    cpuSecondsPerMillion: round(((cpuSeconds - before.cpuSeconds) / kept) * 1e6, 2),
    pendingSamplesMax: mostPending,
    dropped: last.buffer.droppedSamples,
    missedPolls: missedIn(last) - missedIn(before.picture),
    devicesDown: down,
  };
}

function missedIn({ status }: Picture): number {
  return status.devices.reduce((sum, { missed }) => sum + missed, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
