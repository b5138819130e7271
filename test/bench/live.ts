/**
 * Many clients on the live socket, each with the 50 tags of a machine that change once a second: how old values are when
 * they arrive. The hub takes, stores and fans out; gateways and clients are in the process of the bench.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveMessage } from '@lineside/shared/contracts/live.ts';
import { WebSocket } from 'ws';
import { usageOf } from '../services/process-usage.ts';
import type { Bench } from './bench.ts';
import { BenchPlant, TAGS_EACH } from './bench-plant.ts';
import { round } from './contestant.ts';
import { percentile } from './percentile.ts';

const CLIENTS = 1_000;
const GATEWAYS = 20;
const DEVICES_EACH = 10;
const WARM_UP_MS = 5_000;
/** Clients that connect at once. */
const CONNECTING = 50;

export const live: Bench = {
  summary: `${CLIENTS} clients of the live socket, ${TAGS_EACH} tags each at 1 Hz`,
  defaultSeconds: 30,
  async run({ seconds, profileDir, store: stores = 'embedded', tls = false, signal, say }) {
    say(`starting a hub with ${GATEWAYS} gateways of ${DEVICES_EACH * TAGS_EACH} tags, ${stores} stores`);
    const plant = await BenchPlant.start({
      gateways: GATEWAYS,
      devicesEach: DEVICES_EACH,
      stores,
      tls,
      profileDir,
      say,
    });
    const sockets: WebSocket[] = [];
    const heard = { ages: [] as number[], values: 0, bytes: 0 };
    let measuring = false;
    const take = (data: Buffer): void => {
      if (!measuring) return;
      const now = Date.now();
      const message = JSON.parse(data.toString()) as LiveMessage;
      if (message.type !== 'values') return;
      heard.bytes += data.length;
      heard.values += message.values.length;
      heard.ages.push(now - Math.min(...message.values.map(([, at]) => at)));
    };
    try {
      await plant.fill(1);
      const { machines } = plant;
      say(`connecting ${CLIENTS} clients`);
      for (let i = 0; i < CLIENTS; i += CONNECTING) {
        signal.throwIfAborted();
        const some = Array.from({ length: CONNECTING }, (_, k) =>
          connect(plant, machines[(i + k) % machines.length]!, take),
        );
        sockets.push(...(await Promise.all(some)));
      }
      plant.feed();
      await sleep(WARM_UP_MS, undefined, { signal });
      say(`measuring for ${seconds} s`);
      const before = usageOf(plant.pid);
      const begin = performance.now();
      measuring = true;
      await sleep(seconds * 1_000, undefined, { signal });
      measuring = false;
      const took = (performance.now() - begin) / 1_000;
      const after = usageOf(plant.pid);
      const open = sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
      if (open < CLIENTS) throw new Error(`${CLIENTS - open} of ${CLIENTS} clients have lost their sockets`);
      const wanted = CLIENTS * TAGS_EACH * took;
      return {
        stores,
        tls,
        clients: CLIENTS,
        tagsEach: TAGS_EACH,
        messagesPerSecond: Math.round(heard.ages.length / took),
        valuesPerSecond: Math.round(heard.values / took),
        /** Part of all values that were published; below 1 when values were coalesced or the hub was late. */
        delivered: round(heard.values / wanted, 3),
        p50Ms: percentile(heard.ages, 0.5),
        p99Ms: percentile(heard.ages, 0.99),
        maxMs: percentile(heard.ages, 1),
        mbitPerSecond: round((heard.bytes * 8) / 1e6 / took, 1),
        cpuSeconds: round(after.cpuSeconds - before.cpuSeconds, 2),
        coreShare: round((after.cpuSeconds - before.cpuSeconds) / took, 2),
        rssMb: Math.round(after.rssMb),
      };
    } finally {
      for (const socket of sockets) socket.terminate();
      await plant.stop();
    }
  },
};

async function connect(plant: BenchPlant, machine: string, take: (data: Buffer) => void): Promise<WebSocket> {
  const socket = new WebSocket(`${plant.url.replace('http', 'ws')}/api/v1/live`, {
    headers: { cookie: plant.cookie },
    perMessageDeflate: false,
    ...(plant.ca && { ca: plant.ca }),
  });
  await once(socket, 'open');
  const subscribed = new Promise<void>((resolve, reject) => {
    socket.on('message', function first(data: Buffer) {
      const message = JSON.parse(data.toString()) as LiveMessage;
      if (message.type !== 'subscribed') return;
      socket.off('message', first);
      if (message.tags === TAGS_EACH) resolve();
      else reject(new Error(`${machine} has ${message.tags} tags, not ${TAGS_EACH}`));
    });
  });
  const paths = [`${machine}/**`];
  socket.send(JSON.stringify({ type: 'subscribe', id: 'machine', kinds: ['values'], paths, maxRate: 10 }));
  await subscribed;
  socket.on('message', take);
  return socket;
}
