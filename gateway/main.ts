#!/usr/bin/env node
/** The gateway's program: finds the command that was typed. Each command is one file in commands/. */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { VERSION } from '@lineside/shared/config/version.ts';
import type { Command } from './commands/command.ts';

/** Only the one that was typed is loaded: the others' modules would take a tenth of the daemon's memory. */
const COMMANDS: Record<string, () => Promise<Command[]>> = {
  run: async () => [(await import('./commands/run.ts')).run],
  check: async () => [(await import('./commands/check.ts')).check],
  record: async () => [(await import('./commands/record.ts')).record],
  replay: async () => [(await import('./commands/replay.ts')).replay],
  probe: async () => [
    (await import('./commands/probe.ts')).probe,
    (await import('./commands/probe-opcua.ts')).probeOpcua,
  ],
  browse: async () => [(await import('./commands/browse.ts')).browse],
  buffer: async () => (await import('./commands/buffer.ts')).bufferCommands,
  trust: async () => (await import('./commands/trust.ts')).trust,
};

/** What was compiled at one start serves the next: it starts sooner and takes less memory. */
function keepCompiled(): void {
  // systemd names a folder that only this service may write; the user's own is as safe.
  const folder = process.env.CACHE_DIRECTORY ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  try {
    enableCompileCache(join(folder, 'lineside', 'compiled'));
  } catch {
    // Without a home it is compiled anew each time.
  }
}

async function commandsFor(word: string | undefined): Promise<Command[]> {
  const named = word !== undefined && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  if (named) return named();
  return (await Promise.all(Object.values(COMMANDS).map((load) => load()))).flat();
}

function usage(commands: Command[]): string {
  const options = new Map(commands.flatMap((command) => Object.entries(command.options)));
  const rows: [string, string][] = [
    ...commands.map(({ words, summary }): [string, string] => [words, summary]),
    ['', ''],
    ...[...options].map(([name, { value, meaning }]): [string, string] => [
      `--${name} ${value ?? ''}`.trim(),
      meaning,
    ]),
    ['--version', 'print the version'],
  ];
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`.trimEnd());
  return [`usage: gateway ${commands.map(({ words }) => words).join('|')} [options]`, '', ...lines, ''].join('\n');
}

async function main(args: string[]): Promise<number> {
  const commands = args[0] === '--version' ? [] : await commandsFor(args[0]);
  const named = commands.find(({ words }) => words.split(' ').every((word, i) => args[i] === word));
  const options = { ...named?.options, version: { type: 'boolean' } } as const;
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    parsed = parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage(named ? [named] : commands)}`);
    return 2;
  }
  if (parsed.values.version === true) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (!named) {
    console.error(usage(commands));
    return 2;
  }
  const positionals = parsed.positionals.slice(named.words.split(' ').length);
  const code = await named.run({ positionals, options: parsed.values });
  if (code === 2) console.error(usage([named]));
  return code;
}

keepCompiled();
process.exitCode = await main(process.argv.slice(2));
// A handle that a library forgot to close must not hold a stopped daemon.
if (process.connected) process.disconnect?.();
setTimeout(() => process.exit(), 200).unref();
