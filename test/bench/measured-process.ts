/**
 * The inner side of a contestant: a process that collects and is told when to begin, to measure and to end, by lines of
 * JSON on its standard input. It measures itself, so that beginning and ending cost nothing in its figures.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Collecting {
  /** What has come since the begin: requests answered, or values. */
  count(): number;
  /** Why what came is not what was meant; empty when it is. */
  fault(): string;
  end(): Promise<void>;
}

/** What one contestant did in one round. */
export interface Measured {
  count: number;
  seconds: number;
  /** User and system time of all threads. */
  cpuSeconds: number;
  /** Resident memory at the end of the round, MiB. */
  rssMb: number;
  fault: string;
}

export type Order<Load> = { begin: Load } | { measure: number } | { end: true };

/**
 * Follows the orders until the standard input ends or SIGTERM comes. Each is answered by a line of JSON with the same key.
 *
 * @param begin resolves when everything that is to be collected comes
 */
export function followOrders<Load>(begin: (load: Load) => Promise<Collecting>): void {
  let collecting: Collecting | undefined;
  const follow = async (order: Order<Load>): Promise<object> => {
    if ('begin' in order) {
      collecting = await begin(order.begin);
      return { begin: true };
    }
    if ('measure' in order) return { measure: await measure(collecting!, order.measure) };
    await collecting?.end();
    collecting = undefined;
    return { end: true };
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    follow(JSON.parse(line) as Order<Load>).then(
      (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  lines.on('close', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
}

async function measure(collecting: Collecting, seconds: number): Promise<Measured> {
  const count = collecting.count();
  const cpu = process.cpuUsage();
  const at = performance.now();
  await sleep(seconds * 1_000);
  const took = (performance.now() - at) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    count: collecting.count() - count,
    seconds: took,
    cpuSeconds: (user + system) / 1e6,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    fault: collecting.fault(),
  };
}
