/**
 * The gateway's OPC UA driver against the package node-opcua-client that it stands on, each in a process of its own,
 * both at once and from the same server, so that what disturbs one disturbs the other.
 */
import { usageOf } from '../services/process-usage.ts';
import { Program } from '../services/program.ts';
import type { BenchOptions } from './bench.ts';
import { Contestant, round } from './contestant.ts';
import { type ItemGroup, type OpcUaLoad, paceOf } from './opcua-load.ts';

const GROUPS: ItemGroup[] = [
  { prefix: 'S', items: 10_000, everyMs: 1_000 },
  { prefix: 'F', items: 1_000, everyMs: 100 },
];
const WARM_UP_S = 3;

export async function opcuaContest(options: BenchOptions, seconds: number) {
  const { say, signal } = options;
  await using stack = new AsyncDisposableStack();
  const plant = new Program({
    name: 'the OPC UA server',
    args: ['test/bench/opcua-plant-child.ts', JSON.stringify(GROUPS)],
    ready: (told) => 'endpoint' in told,
    complain: (line) => say(`  the OPC UA server: ${line}`),
  });
  stack.defer(() => plant.stop().catch(() => undefined));
  say(`OPC UA: ${GROUPS.map(({ items, everyMs }) => `${items} items every ${everyMs} ms`).join(', ')}, both at once`);
  const { endpoint } = await plant.start();
  const contestant = async (name: string, script: string) => {
    const made = new Contestant<OpcUaLoad>(name, { script, ...options });
    stack.defer(() => made.stop().catch(() => undefined));
    await made.start();
    return made;
  };
  const lineside = await contestant('the OPC UA driver', 'test/bench/opcua-lineside-child.ts');
  const bare = await contestant('node-opcua-client', 'test/bench/opcua-bare-child.ts');
  const both = [lineside, bare];
  for (const one of both) await one.begin({ endpoint: endpoint as string, groups: GROUPS });
  await Promise.all(both.map((one) => one.measure(WARM_UP_S, false)));
  signal.throwIfAborted();
  const before = usageOf(plant.pid).cpuSeconds;
  await Promise.all(both.map((one) => one.measure(seconds, true)));
  const serverCpu = usageOf(plant.pid).cpuSeconds - before;
  const [ours, others] = [lineside.figures(), bare.figures()];
  for (const one of both) await one.end();
  return {
    valuesPerSecond: ours.perSecond,
    bareValuesPerSecond: others.perSecond,
    changesPerSecond: paceOf(GROUPS),
    cpuSecondsPerMillion: ours.cpuSecondsPerMillion,
    bareCpuSecondsPerMillion: others.cpuSecondsPerMillion,
    cpuRatioToBare: round(ours.cpuSecondsPerMillion / others.cpuSecondsPerMillion, 3),
    coreShare: ours.coreShare,
    serverCoreShare: round(serverCpu / seconds, 3),
    rssMb: ours.rssMb,
    bareRssMb: others.rssMb,
  };
}
