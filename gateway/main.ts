#!/usr/bin/env node
/** The gateway's program: finds the command that was typed. Each command is one file in commands/. */
import { parseArgs } from 'node:util';
import { VERSION } from '@lineside/shared/config/version.ts';
import { browse } from './commands/browse.ts';
import { bufferCommands } from './commands/buffer.ts';
import { check } from './commands/check.ts';
import type { Command } from './commands/command.ts';
import { probe } from './commands/probe.ts';
import { probeOpcua } from './commands/probe-opcua.ts';
import { record } from './commands/record.ts';
import { replay } from './commands/replay.ts';
import { run } from './commands/run.ts';
import { trust } from './commands/trust.ts';

const COMMANDS: Command[] = [run, check, record, replay, probe, probeOpcua, browse, ...bufferCommands, ...trust];

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
  const named = COMMANDS.find(({ words }) => words.split(' ').every((word, i) => args[i] === word));
  const options = { ...named?.options, version: { type: 'boolean' } } as const;
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    parsed = parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage(named ? [named] : COMMANDS)}`);
    return 2;
  }
  if (parsed.values.version === true) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (!named) {
    console.error(usage(COMMANDS));
    return 2;
  }
  const positionals = parsed.positionals.slice(named.words.split(' ').length);
  const code = await named.run({ positionals, options: parsed.values });
  if (code === 2) console.error(usage([named]));
  return code;
}

process.exitCode = await main(process.argv.slice(2));
// A handle that a library forgot to close must not hold a stopped daemon.
if (process.connected) process.disconnect?.();
setTimeout(() => process.exit(), 200).unref();
