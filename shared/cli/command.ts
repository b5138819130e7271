/** One word of a program's command line: one file, and one line in the program's main.ts. */
import { ConfigError, formatProblem } from '../config/config-document.ts';
import { messageOf } from '../errors/lineside-error.ts';

export interface CommandArguments {
  /** What follows the command's own words. */
  positionals: string[];
  /** Every option given as `--name value`; `true` where no value followed. */
  options: Record<string, string | boolean | undefined>;
}

export interface Command {
  /** What is typed, such as `check` or `trust list`. */
  words: string;
  /** What has to follow the words, such as `DIR`; for the usage. */
  takes?: string;
  /** One line for the usage. */
  summary: string;
  /** Options with their meaning, for the usage. */
  options: Record<string, { type: 'string' | 'boolean'; value?: string; meaning: string }>;
  /** The exit code: 0 done, 1 not done, 2 wrong arguments (then it has said which). */
  run(args: CommandArguments): Promise<number>;
}

/** An option with a value, such as `--port N`. */
export function textOption(value: string, meaning: string) {
  return { type: 'string', value, meaning } as const;
}

/** The option that most commands need. */
export const CONFIG_OPTION = {
  config: textOption('FILE', 'the configuration, YAML'),
} as const;

/** The configuration's file, or null when the option is missing. */
export function configFile({ options }: CommandArguments): string | null {
  return typeof options.config === 'string' ? options.config : null;
}

/** Writes what is wrong, one line a problem, and gives the exit code. */
export function sayProblems(error: unknown): number {
  if (!(error instanceof Error)) throw error;
  if (error instanceof ConfigError) {
    for (const problem of error.problems) console.error(formatProblem(problem));
    console.error(`${error.problems.length} ${error.problems.length === 1 ? 'problem' : 'problems'} found`);
  } else console.error(messageOf(error));
  return 1;
}
