/**
 * `npm run bench -- NAME`: progress goes to standard error; the last line on standard output is one JSON object of
 * figures, so that a script can keep them.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Bench } from './bench.ts';
import { pipeline } from './pipeline.ts';

const benches: Record<string, Bench> = { pipeline };

const USAGE = `usage: npm run bench -- NAME [--seconds N] [--profile FOLDER]

${Object.entries(benches)
  .map(([name, { summary, defaultSeconds }]) => `  ${name.padEnd(12)}${summary} (${defaultSeconds} s)`)
  .join('\n')}

  --seconds N        measure for so long, after the warm-up
  --profile FOLDER   leave a .cpuprofile of each thread measured there; that takes CPU time of its own
`;

async function main(): Promise<number> {
  let args: ReturnType<typeof readArgs>;
  try {
    args = readArgs();
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  const bench = benches[args.name];
  if (!bench) {
    console.error(args.name ? `there is no bench ${args.name}\n\n${USAGE}` : USAGE);
    return 2;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error('interrupted')));
  try {
    const figures = await bench.run({
      seconds: args.seconds ?? bench.defaultSeconds,
      profileDir: args.profileDir,
      signal: stop.signal,
      say: (line) => console.error(line),
    });
    process.stdout.write(`${JSON.stringify({ bench: args.name, ...figures })}\n`);
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

function readArgs() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string' }, profile: { type: 'string' } },
  });
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0 && seconds <= 86_400)) {
    throw new Error(`--seconds ${values.seconds} is no number of seconds between 0 and 86400`);
  }
  return { name: positionals[0] ?? '', seconds, profileDir: values.profile && resolve(values.profile) };
}

process.exitCode = await main();
