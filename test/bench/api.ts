/** The ten commonest reads of the API by 50 connections at once, on real stores that hold a past and take in new data. */
import type { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TagView } from '@lineside/shared/contracts/api.ts';
import { usageOf } from '../services/process-usage.ts';
import type { Bench } from './bench.ts';
import { BenchPlant } from './bench-plant.ts';
import { round } from './contestant.ts';
import { percentile } from './percentile.ts';

const CONNECTIONS = 50;
const GATEWAYS = 4;
const DEVICES_EACH = 5;
const PAST_SECONDS = 1_800;
const WARM_UP_MS = 3_000;

interface Read {
  name: string;
  path(): string;
}

export const api: Bench = {
  summary: `the ten commonest reads of the API at ${CONNECTIONS} connections`,
  defaultSeconds: 20,
  async run({ seconds, profileDir, store: stores = 'embedded', tls = false, signal, say }) {
    say(`starting a hub on ${stores} stores`);
    const plant = await BenchPlant.start({
      gateways: GATEWAYS,
      devicesEach: DEVICES_EACH,
      stores,
      tls,
      profileDir,
      say,
    });
    const agent = plant.newAgent(CONNECTIONS);
    try {
      say(`storing ${PAST_SECONDS / 60} min of ${GATEWAYS * DEVICES_EACH * 50} tags at 1 Hz`);
      await plant.fill(PAST_SECONDS);
      plant.feed();
      const reads = await readsOf(plant, agent);
      for (const { name, path } of reads) {
        const { answer, text } = await plant.request(path(), { agent });
        if (answer.statusCode !== 200)
          throw new Error(`${name} is answered with ${answer.statusCode}: ${text.slice(0, 300)}`);
      }
      const times = new Map(reads.map(({ name }) => [name, [] as number[]]));
      let [measuring, running] = [false, true];
      const failed = new Map<number, number>();
      const work = async (first: number): Promise<void> => {
        for (let i = first; running; i++) {
          const { name, path } = reads[i % reads.length]!;
          const begin = performance.now();
          const { statusCode: status = 0 } = (await plant.request(path(), { agent })).answer;
          if (!measuring) continue;
          times.get(name)!.push(performance.now() - begin);
          if (status !== 200) failed.set(status, (failed.get(status) ?? 0) + 1);
        }
      };
      const workers = Array.from({ length: CONNECTIONS }, (_, i) => work(i));
      await sleep(WARM_UP_MS, undefined, { signal });
      say(`measuring for ${seconds} s`);
      const before = usageOf(plant.pid);
      const begin = performance.now();
      measuring = true;
      await sleep(seconds * 1_000, undefined, { signal });
      measuring = false;
      const took = (performance.now() - begin) / 1_000;
      const after = usageOf(plant.pid);
      running = false;
      await Promise.all(workers);
      const all = [...times.values()].flat();
      if (failed.size > 0) throw new Error(`answers that are no 200: ${JSON.stringify([...failed])}`);
      return {
        stores,
        tls,
        connections: CONNECTIONS,
        requestsPerSecond: Math.round(all.length / took),
        p50Ms: round(percentile(all, 0.5), 1),
        p99Ms: round(percentile(all, 0.99), 1),
        cpuSecondsPerThousand: round(((after.cpuSeconds - before.cpuSeconds) / all.length) * 1_000, 2),
        rssMb: Math.round(after.rssMb),
        p99MsByRead: Object.fromEntries([...times].map(([name, list]) => [name, round(percentile(list, 0.99), 1)])),
      };
    } finally {
      agent.destroy();
      await plant.stop();
    }
  },
};

async function readsOf(plant: BenchPlant, agent: Agent): Promise<Read[]> {
  const { machines } = plant;
  const machine = () => encodeURIComponent(machines[Math.floor(Math.random() * machines.length)]!);
  const { text } = await plant.request(`/api/v1/tags?machine=${machine()}`, { agent });
  const answer = JSON.parse(text) as TagView[] | { items: TagView[] };
  const tags = Array.isArray(answer) ? answer : answer.items;
  const tag = () => tags[Math.floor(Math.random() * tags.length)]!.id;
  return [
    { name: 'me', path: () => '/api/v1/me' },
    { name: 'overview', path: () => '/api/v1/overview' },
    { name: 'machines', path: () => '/api/v1/machines' },
    { name: 'gateways', path: () => '/api/v1/gateways' },
    { name: 'tags of a machine', path: () => `/api/v1/tags?machine=${machine()}` },
    {
      name: 'history of a tag',
      path: () => `/api/v1/tags/${tag()}/history?from=${Date.now() - 1_200_000}&to=${Date.now()}&points=720`,
    },
    { name: 'open alarms', path: () => '/api/v1/alarms/active' },
    { name: 'past alarms', path: () => '/api/v1/alarms?limit=50' },
    { name: 'OEE of a machine', path: () => `/api/v1/oee?machine=${machine()}` },
    { name: 'log of writes', path: () => '/api/v1/writes?limit=30' },
  ];
}
