/**
 * An OPC UA server whose values change by the clock, in a process of its own.
 *
 *   node test/bench/opcua-plant-child.ts '[{"prefix":"S","items":1000,"everyMs":1000},…]'
 *
 * Tells `{ "endpoint": … }` when it listens, and ends on SIGTERM or at the end of its standard input. Each value is a
 * sawtooth from 0 to 99, one step a change.
 */
import { DataType } from 'node-opcua-client';
import { OpcUaTestServer } from '../services/opcua-test-server.ts';
import type { ItemGroup } from './opcua-load.ts';

/** The items of a slow group change in turns, so that the server is not all busy and then all idle. Milliseconds. */
const STEP_MS = 100;

const groups = JSON.parse(process.argv[2]!) as ItemGroup[];
const names = groups.map(({ prefix, items }) => Array.from({ length: items }, (_, i) => `${prefix}${i}`));
const all = names.flat().map((name): [string, [DataType, unknown]] => [name, [DataType.Double, 0]]);
const server = await new OpcUaTestServer().start(Object.fromEntries(all));

const begun = performance.now();
let steps = 0;
function step(): void {
  const at = performance.now();
  // Steps that were missed are left out: a change that comes with the next one is not reported.
  const due = Math.floor((at - begun) / STEP_MS);
  if (due > steps) {
    steps = due;
    change(new Date());
  }
  // On a machine that is too busy, as much time is left for sending as the changes took.
  setTimeout(step, Math.max(STEP_MS / 4, performance.now() - at));
}

function change(at: Date): void {
  groups.forEach(({ everyMs }, group) => {
    const turns = Math.max(1, Math.round(everyMs / STEP_MS));
    const value = Math.floor(steps / turns) % 100;
    const mine = names[group]!;
    for (let i = steps % turns; i < mine.length; i += turns) server.set(mine[i]!, DataType.Double, value, at);
  });
}

step();

const end = async () => {
  await server.stop();
  process.exit(0);
};
process.on('SIGTERM', end);
process.stdin.on('end', end).resume();
process.stdout.write(`${JSON.stringify({ endpoint: server.endpoint })}\n`);
