/**
 * `npm run load`: as many gateways as a plant has, at the wire. Progress goes to standard error; the last line on
 * standard output is one JSON object of figures (docs/performance.md says what they mean).
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { usageOf } from '../services/process-usage.ts';
import { type LoadOptions, runLoad } from './load.ts';
import { startLoadedHub } from './loaded-hub.ts';

const USAGE = `usage: npm run load [-- OPTIONS]

  --gateways N           gateways that are simulated (200)
  --tags N               tags of each (100)
  --hz N                 polls of every tag a second (1)
  --commit-ms N          how long a gateway collects before it closes a record (200)
  --flat-out             as fast as the hub takes it, with the records that --hz makes
  --seconds N            measure for so long (30), after --warm-up N (5)
  --backlog-hours N      some gateways have been without the hub for so long and catch up
  --backlog-gateways N   how many of them (a tenth)
  --broker URL           mqtt://host:port or mqtts://host:port of a hub's broker, where gateways load-001,
                         load-002, … may come in; without it a hub is started in a temporary folder
  --password-file FILE   the password that all of them have there
  --ca FILE              certificate (PEM) that the broker's is checked against; by default the system's
  --prefix TEXT          of the gateways' ids (load-)
`;

async function main(): Promise<number> {
  let args: ReturnType<typeof readArgs>;
  try {
    args = readArgs();
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  if (!args) {
    console.error(USAGE);
    return 0;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error('interrupted')));
  const options = { ...args, signal: stop.signal, say: (line: string) => console.error(line) };
  try {
    const figures = await (options.broker ? runLoad({ ...options, broker: options.broker }) : loadOwnHub(options));
    process.stdout.write(`${JSON.stringify({ load: true, ...figures })}\n`);
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

async function loadOwnHub(options: Omit<LoadOptions, 'broker'>): Promise<Record<string, unknown>> {
  const { gateways, prefix, say } = options;
  const dir = await mkdtemp(join(tmpdir(), 'lineside-load-'));
  try {
    say(`starting a hub with embedded stores in ${dir}`);
    const hub = await startLoadedHub({ dir, gateways, prefix, complain: (line) => say(`  the hub: ${line}`) });
    try {
      const figures = await runLoad({ ...options, broker: hub.broker, password: hub.password });
      return { ...figures, hub: usageOf(hub.program.pid) };
    } finally {
      await hub.program.stop().catch((error: unknown) => say(messageOf(error)));
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function readArgs() {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      ...{
        gateways: text,
        tags: text,
        hz: text,
        seconds: text,
        'warm-up': text,
        broker: text,
        ca: text,
        prefix: text,
      },
      ...{ 'backlog-hours': text, 'backlog-gateways': text, 'password-file': text, 'commit-ms': text },
      ...{ 'flat-out': { type: 'boolean' }, help: { type: 'boolean' } },
    },
  });
  if (values.help) return undefined;
  const number = (option: keyof typeof values, fallback: number, least: number, most: number): number => {
    const given = values[option];
    if (given === undefined) return fallback;
    const value = Number(given);
    if (given !== '' && value >= least && value <= most) return value;
    throw new Error(`--${option} ${given} is no number between ${least} and ${most}`);
  };
  const whole = (...given: Parameters<typeof number>) => Math.round(number(...given));
  const gateways = whole('gateways', 200, 1, 2_000);
  const backlogHours = number('backlog-hours', 0, 0, 8_760);
  const backlogGateways = whole('backlog-gateways', backlogHours > 0 ? Math.ceil(gateways / 10) : 0, 0, gateways);
  const { broker, ca, prefix = 'load-' } = values;
  if (broker !== undefined && !/^mqtts?:\/\/[^/@\s]+$/.test(broker)) {
    throw new Error(`--broker ${broker} is no address; write mqtt://host:port`);
  }
  if (broker !== undefined && values['password-file'] === undefined)
    throw new Error('--broker needs --password-file');
  return {
    ...{ gateways, backlogHours, backlogGateways, prefix },
    tags: whole('tags', 100, 1, 10_000),
    hz: number('hz', 1, 0.001, 1_000),
    commitMs: number('commit-ms', 200, 1, 3_600_000),
    seconds: number('seconds', 30, 1, 604_800),
    warmUpSeconds: number('warm-up', 5, 0, 3_600),
    flatOut: values['flat-out'] === true,
    broker: broker === undefined ? undefined : new URL(broker),
    password: values['password-file'] === undefined ? '' : readFileSync(values['password-file'], 'utf8').trim(),
    ca: ca === undefined ? undefined : readFileSync(ca),
  };
}

process.exitCode = await main();
