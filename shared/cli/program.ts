/** The command line of a program: finds the command that was typed, reads its options, and says how it is used. */
import { parseArgs } from 'node:util';
import { VERSION } from '../config/version.ts';
import type { Command } from './command.ts';

/** The commands of a program by their first word. Only those of the word that was typed are loaded. */
export type Commands = Record<string, () => Promise<Command[]>>;

/**
 * Runs the command that the process was started with, and ends the process with its exit code: 2 when it was not
 * understood, and then how it is used is on standard error.
 */
export async function runProgram(name: string, commands: Commands): Promise<void> {
  process.exitCode = await runCommand(name, commands, process.argv.slice(2));
  // A handle that a library forgot to close must not hold a stopped daemon.
  if (process.connected) process.disconnect?.();
  setTimeout(() => process.exit(), 200).unref();
}

/** The same without an end of the process: gives the exit code. */
export async function runCommand(name: string, all: Commands, args: string[]): Promise<number> {
  const commands = args[0] === '--version' ? [] : await commandsFor(all, args[0]);
  // `backup verify` before `backup`.
  const bySpecific = commands.toSorted((a, b) => wordsOf(b).length - wordsOf(a).length);
  const named = bySpecific.find((command) => wordsOf(command).every((word, i) => args[i] === word));
  const options = { ...named?.options, version: { type: 'boolean' } } as const;
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    parsed = parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage(name, named ? [named] : commands)}`);
    return 2;
  }
  if (parsed.values.version === true) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (!named) {
    console.error(usage(name, commands));
    return 2;
  }
  const code = await named.run({
    positionals: parsed.positionals.slice(wordsOf(named).length),
    options: parsed.values,
  });
  if (code === 2) console.error(usage(name, [named]));
  return code;
}

function wordsOf({ words }: Command): string[] {
  return words.split(' ');
}

async function commandsFor(all: Commands, word: string | undefined): Promise<Command[]> {
  const named = word !== undefined && Object.hasOwn(all, word) ? all[word] : undefined;
  if (named) return named();
  return (await Promise.all(Object.values(all).map((load) => load()))).flat();
}

function usage(name: string, commands: Command[]): string {
  const options = new Map(commands.flatMap((command) => Object.entries(command.options)));
  const rows: [string, string][] = [
    ...commands.map(({ words, summary, takes }): [string, string] => [`${words} ${takes ?? ''}`.trimEnd(), summary]),
    ['', ''],
    ...[...options].map(([option, { value, meaning }]): [string, string] => [
      `--${option} ${value ?? ''}`.trim(),
      meaning,
    ]),
    ['--version', 'print the version'],
  ];
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`.trimEnd());
  return [`usage: ${name} ${commands.map(({ words }) => words).join('|')} [options]`, '', ...lines, ''].join('\n');
}
