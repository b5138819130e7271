/**
 * `npm run bench -- NAME`: progress goes to standard error; the last line on standard output is one JSON object of
 * figures, so that a script can keep them.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { api } from './api.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { buffer } from './buffer.ts';
import { drivers } from './drivers.ts';
import { gateway } from './gateway.ts';
import { hub } from './hub.ts';
import { live } from './live.ts';
import { pipeline } from './pipeline.ts';
import { soak } from './soak.ts';
import { sparkplug } from './sparkplug.ts';
import { wire } from './wire.ts';

const benches: Record<string, Bench> = {
  pipeline,
  gateway,
  hub,
  live,
  api,
  drivers,
  buffer,
  wire,
  sparkplug,
  soak,
};

/** A week. */
const MAX_SECONDS = 604_800;

const USAGE = `usage: npm run bench -- NAME [--seconds N | --minutes N] [--profile FOLDER]

${Object.entries(benches)
  .map(([name, { summary, defaultSeconds }]) => `  ${name.padEnd(12)}${summary} (${defaultSeconds} s)`)
  .join('\n')}

  --seconds N        measure for so long, after the warm-up; --minutes N the same in minutes
  --backlog MIB      buffer: how much waits at the start (1024)
  --store WHICH      hub, live, api: embedded or servers (hub: both; else embedded)
  --tls              live, api: over TLS, by a certificate of the hub's own authority
  --soak MINUTES     hub: watch its memory for so long, besides
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
      backlogMiB: args.backlogMiB,
      store: args.store,
      tls: args.tls,
      soakSeconds: args.soakSeconds,
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
    options: {
      seconds: { type: 'string' },
      minutes: { type: 'string' },
      backlog: { type: 'string' },
      store: { type: 'string' },
      tls: { type: 'boolean' },
      soak: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const seconds = secondsOf('seconds', values.seconds, 1) ?? secondsOf('minutes', values.minutes, 60);
  const backlogMiB = values.backlog === undefined ? undefined : Number(values.backlog);
  if (backlogMiB !== undefined && !(backlogMiB >= 16 && backlogMiB <= 65_536)) {
    throw new Error(`--backlog ${values.backlog} is no number of MiB between 16 and 65536`);
  }
  const { store } = values;
  if (store !== undefined && store !== 'embedded' && store !== 'servers') {
    throw new Error(`--store ${store} is neither embedded nor servers`);
  }
  const soakSeconds = secondsOf('soak', values.soak, 60);
  return {
    store: store as BenchOptions['store'],
    tls: values.tls === true,
    soakSeconds,
    name: positionals[0] ?? '',
    seconds,
    backlogMiB,
    profileDir: values.profile && resolve(values.profile),
  };
}

function secondsOf(option: string, given: string | undefined, unit: number): number | undefined {
  if (given === undefined) return undefined;
  const number = Number(given);
  if (number > 0 && number * unit <= MAX_SECONDS) return number * unit;
  throw new Error(`--${option} ${given} is no number of ${option} between 0 and ${MAX_SECONDS / unit}`);
}

process.exitCode = await main();
