/** Ports that nobody uses, for programs that must know theirs before they start, and find it free at a restart. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** The system gives none of these to an outgoing connection, which could take a free port before its program does. */
const { from, to } = outsideOfTheSystems();
/** Processes whose ids are neighbours, as those of one run of tests are, begin so far from each other. */
const STRIDE = 97;

let next = from + ((process.pid * STRIDE) % (to - from));

/** So many ports of 127.0.0.1, each another one, and none that this process has been given before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = next;
    next = port + 1 < to ? port + 1 : from;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** @returns the first port and the one after the last */
function outsideOfTheSystems(): { from: number; to: number } {
  const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number);
  const below = { from: 10_000, to: low! };
  const above = { from: high! + 1, to: 65_536 };
  return below.to - below.from > above.to - above.from ? below : above;
}
