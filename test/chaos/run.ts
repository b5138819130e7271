/**
 * `npm run chaos -- --runs 3 --seed 1 --seconds 20 --together 1`: kills and cuts at random, and proves after each run,
 * or after so many in one plant, that nothing was lost. Progress is on stderr; the last line on stdout is one JSON object of figures. Exit code 1 when a run
 * failed; its folder is kept and named.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { type ChaosFigures, chaosRun, NOTHING } from './chaos-run.ts';

interface Options {
  runs: number;
  seed: number;
  seconds: number;
  /** Runs in one plant. */
  together: number;
}

function optionsOf(args: string[]): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args, options: { runs: text, seed: text, seconds: text, together: text } });
  return {
    runs: whole('runs', values.runs, 3, 1, 1_000),
    seed: whole('seed', values.seed, Date.now() % 1_000_000, 0, 2 ** 31),
    seconds: whole('seconds', values.seconds, 20, 1, 86_400),
    together: whole('together', values.together, 1, 1, 1_000),
  };
}

function whole(flag: string, given: string | undefined, fallback: number, low: number, high: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new RangeError(`--${flag} must be a whole number from ${low} to ${high}, found "${given}"`);
}

async function main({ runs, seed, seconds, together }: Options): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const total: ChaosFigures = { ...NOTHING };
  const began = performance.now();
  let failed = 0;
  let done = 0;
  while (done < runs) {
    const seeds = Array.from({ length: Math.min(together, runs - done) }, (_, i) => seed + done + i);
    say(`run ${done + 1} of ${runs}`);
    const { problems, kept, ...figures } = await chaosRun({ seeds, seconds, say }, stop.signal);
    if (stop.signal.aborted) break;
    done += seeds.length;
    for (const name of Object.keys(total) as (keyof ChaosFigures)[]) total[name] += figures[name];
    if (problems.length > 0) failed += seeds.length;
    if (kept) say(`  FAILED; everything is kept in ${kept}`);
  }
  const took = Math.round((performance.now() - began) / 1_000);
  process.stdout.write(`${JSON.stringify({ runs: done, failed, ...total, seed, seconds: took })}\n`);
  return failed > 0 || stop.signal.aborted ? 1 : 0;
}

try {
  process.exitCode = await main(optionsOf(process.argv.slice(2)));
} catch (error) {
  console.error(`chaos: ${messageOf(error)}`);
  process.exitCode = 2;
}
