/**
 * `npm run chaos -- --runs 500 --seed 1`: disturbs real programs at random, and proves after each run that nothing was
 * lost, doubled or moved. Progress is on stderr; the last line on stdout is one JSON object of figures. Exit code 1
 * when a run failed; its folder is kept, and the command that repeats it is told.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { SHORT_LIVED } from '../services/short-lived.ts';
import { TEST_CACHE } from '../services/test-cache.ts';
import { campaign, leftOut } from './campaign.ts';

interface Options {
  runs: number;
  seed: number;
  perPlant: number;
  together: number;
}

function optionsOf(args: string[]): Options {
  const text = { type: 'string' } as const;
  const flags = { runs: text, seed: text, 'per-plant': text, together: text };
  const { values } = parseArgs({ args, options: flags });
  return {
    runs: whole('runs', values.runs, 25, 1, 100_000),
    seed: whole('seed', values.seed, Date.now() % 1_000_000, 0, 2 ** 31),
    perPlant: whole('per-plant', values['per-plant'], 10, 1, 100),
    together: whole('together', values.together, 2, 1, 16),
  };
}

function whole(flag: string, given: string | undefined, fallback: number, low: number, high: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new RangeError(`--${flag} must be a whole number from ${low} to ${high}, found "${given}"`);
}

async function main(options: Options): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const say = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
  for (const line of leftOut()) say(line);
  const began = performance.now();
  const { problems, ...result } = await campaign({ ...options, say, signal: stop.signal });
  const took = Math.round((performance.now() - began) / 1_000);
  process.stdout.write(`${JSON.stringify({ ...result, seed: options.seed, seconds: took })}\n`);
  return problems.length > 0 || stop.signal.aborted ? 1 : 0;
}

// As in the suites: each start of a program is a third or half cheaper.
process.env.NODE_COMPILE_CACHE ??= join(TEST_CACHE, 'compiled');
for (const flag of SHORT_LIVED) setFlagsFromString(flag);
process.execArgv.push(...SHORT_LIVED);

try {
  process.exitCode = await main(optionsOf(process.argv.slice(2)));
} catch (error) {
  console.error(`chaos: ${messageOf(error)}`);
  process.exitCode = 2;
}
