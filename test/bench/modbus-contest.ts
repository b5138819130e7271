/**
 * The gateway's Modbus driver against the package modbus-serial, each in a process of its own:
 *
 * - back to back, 16 connections to a server that others wrote, in turns, for either takes a whole core;
 * - at a usual pace, 20 devices of 50 float32 every 100 ms, both at once.
 */
import { join } from 'node:path';
import { freePorts } from '../services/free-ports.ts';
import { libmodbusServers } from '../services/libmodbus/servers.ts';
import { listens, tool } from '../services/outside-tools.ts';
import { usageOf } from '../services/process-usage.ts';
import { Program } from '../services/program.ts';
import type { BenchOptions } from './bench.ts';
import { Contestant, figuresOf, round } from './contestant.ts';
import type { Measured } from './measured-process.ts';
import type { ModbusLoad } from './modbus-load.ts';

const CONNECTIONS = 16;
const REGISTERS = 125;
/** On each connection of the gateway's driver (see ModbusLoad). */
const UNITS = 16;
/** So many times what modbus-serial does is asked for, so that the line and not the clock sets the pace. */
const EXCESS = 4;
/** Below this a timer is no clock. */
const MIN_POLL_MS = 2;
const MAX_POLL_MS = 10;
const WARM_UP_S = 1.5;
const ROUNDS = 4;

const PACED = { devices: 20, floats: 50, everyMs: 100 };

interface FarEnd {
  name: string;
  ports: number[];
  pid: number;
}

export interface ModbusContest {
  options: BenchOptions;
  /** For back to back, all rounds together, each contestant for half of it. */
  floodSeconds: number;
  pacedSeconds: number;
}

export async function modbusContest({ options, floodSeconds, pacedSeconds }: ModbusContest) {
  await using stack = new AsyncDisposableStack();
  const contestant = async (name: string, script: string) => {
    const made = new Contestant<ModbusLoad>(name, { script, ...options });
    stack.defer(() => made.stop().catch(() => undefined));
    await made.start();
    return made;
  };
  const lineside = () => contestant('the Modbus driver', 'test/bench/modbus-lineside-child.ts');
  const bare = () => contestant('modbus-serial', 'test/bench/modbus-bare-child.ts');
  const flood = await backToBack(await lineside(), await bare(), await farEnd(stack, options), floodSeconds, options);
  const paced = await atPace(await lineside(), await bare(), stack, pacedSeconds, options);
  return { ...flood, paced };
}

async function backToBack(
  lineside: Contestant<ModbusLoad>,
  bare: Contestant<ModbusLoad>,
  server: FarEnd,
  seconds: number,
  { say, signal }: BenchOptions,
) {
  say(`Modbus: ${CONNECTIONS} connections of ${REGISTERS} registers back to back to ${server.name}`);
  const load: ModbusLoad = {
    ...{ ports: server.ports, registers: REGISTERS, type: 'uint16', everyMs: null },
    ...{ units: UNITS, pollMs: MAX_POLL_MS },
  };
  const play = async (one: Contestant<ModbusLoad>, forSeconds: number, counts: boolean) => {
    signal.throwIfAborted();
    await one.begin(load);
    const measured = await one.measure(forSeconds, counts);
    await one.end();
    return measured;
  };
  const { count, seconds: took } = await play(bare, WARM_UP_S, false);
  const pollMs = Math.floor((1_000 * CONNECTIONS * UNITS) / (EXCESS * (count / took)));
  load.pollMs = Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, pollMs));
  const asked = (1_000 * CONNECTIONS * UNITS) / load.pollMs;
  await play(lineside, WARM_UP_S, false);

  const each = seconds / ROUNDS / 2;
  const ratios: number[] = [];
  const before = usageOf(server.pid).cpuSeconds;
  let requests = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const own: Measured[] = [];
    const theirs: Measured[] = [];
    // The order changes, so that whoever is second is not always the same.
    for (const one of i % 2 === 0 ? [lineside, bare] : [bare, lineside]) {
      (one === lineside ? own : theirs).push(await play(one, each, true));
    }
    const [a, b] = [figuresOf(own).perSecond, figuresOf(theirs).perSecond];
    requests += own[0]!.count + theirs[0]!.count;
    ratios.push(a / b);
    say(`  round ${i + 1}: ${a} requests/s, modbus-serial ${b}`);
  }
  const serverCpu = usageOf(server.pid).cpuSeconds - before;
  const [ours, others] = [lineside.figures(), bare.figures()];
  await lineside.stop();
  await bare.stop();
  return {
    server: server.name,
    requestsPerSecond: ours.perSecond,
    askedPerSecond: Math.round(asked),
    bareRequestsPerSecond: others.perSecond,
    ratioToBare: round(median(ratios), 3),
    ratios: ratios.map((ratio) => round(ratio, 3)),
    cpuSecondsPerMillionRequests: ours.cpuSecondsPerMillion,
    bareCpuSecondsPerMillionRequests: others.cpuSecondsPerMillion,
    serverCpuSecondsPerMillionRequests: round((serverCpu / requests) * 1e6, 2),
    coreShare: ours.coreShare,
    bareCoreShare: others.coreShare,
    rssMb: ours.rssMb,
    bareRssMb: others.rssMb,
  };
}

async function atPace(
  lineside: Contestant<ModbusLoad>,
  bare: Contestant<ModbusLoad>,
  stack: AsyncDisposableStack,
  seconds: number,
  { say, signal }: BenchOptions,
) {
  const { devices, floats, everyMs } = PACED;
  say(`Modbus: ${devices} devices of ${floats} float32 every ${everyMs} ms, both at once`);
  const { ports } = await fakePlant(stack, devices, floats);
  const load: ModbusLoad = {
    ...{ ports, registers: 2 * floats, type: 'float32', everyMs },
    ...{ units: 1, pollMs: everyMs },
  };
  const both = [lineside, bare];
  await Promise.all(both.map((one) => one.begin(load)));
  await Promise.all(both.map((one) => one.measure(WARM_UP_S, false)));
  signal.throwIfAborted();
  await Promise.all(both.map((one) => one.measure(seconds, true)));
  const [ours, others] = [lineside.figures(), bare.figures()];
  await Promise.all(both.map((one) => one.stop()));
  const perSample = (perRequest: number) => round(perRequest / floats, 2);
  return {
    samplesPerSecond: ours.perSecond * floats,
    cpuSecondsPerMillionSamples: perSample(ours.cpuSecondsPerMillion),
    bareCpuSecondsPerMillionSamples: perSample(others.cpuSecondsPerMillion),
    cpuRatioToBare: round(ours.cpuSecondsPerMillion / others.cpuSecondsPerMillion, 3),
    rssMb: ours.rssMb,
  };
}

/** libmodbus' bandwidth server, or where it cannot be built the fake devices of the tests. */
async function farEnd(stack: AsyncDisposableStack, { say }: BenchOptions): Promise<FarEnd> {
  const folder = libmodbusServers();
  if (folder) {
    const [port] = await freePorts(1);
    const server = tool(join(folder, 'bandwidth-server'), [], { PORT: String(port) });
    stack.defer(() => server.stop());
    await listens(port!);
    return { name: "libmodbus' bandwidth server", ports: Array(CONNECTIONS).fill(port), pid: server.pid };
  }
  say("libmodbus' servers cannot be built here (they need libmodbus-dev, dpkg-dev, gcc and pkg-config)");
  const plant = await fakePlant(stack, CONNECTIONS, Math.floor(REGISTERS / 2));
  return { name: 'fake devices', ...plant };
}

async function fakePlant(stack: AsyncDisposableStack, devices: number, floats: number) {
  const plant = new Program({
    name: 'the fake devices',
    args: ['test/services/fake-modbus-plant.ts', String(devices), String(floats)],
    ready: (told) => 'ports' in told,
  });
  stack.defer(() => plant.stop().catch(() => undefined));
  const { ports } = await plant.start();
  return { ports: ports as number[], pid: plant.pid };
}

/** One round in which the machine was busy with something else does not count for more than any other. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
