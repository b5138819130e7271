/**
 * Which suites get a process of their own. To start one and to import the program into it costs more than most suites
 * do, so they share processes, one suite after the other; but for those that change what belongs to the whole process,
 * or look at it. Whether a suite does is read in its text, so that nobody has to remember a list.
 */
import { globSync, readFileSync } from 'node:fs';

/** Mocks of modules and of functions, the clock, and the process itself. */
const OF_THE_PROCESS = [
  /\bvi\.(mock|doMock|hoisted|spyOn|useFakeTimers|stubEnv|stubGlobal|resetModules)\b/,
  /\bprocess\.(env|argv|execArgv|chdir|umask|exit|exitCode|title|on|once|emit|memoryUsage|resourceUsage)\b/,
  /\b(globalThis|setDefaultResultOrder|setFlagsFromString|setGlobalDispatcher|defaultMaxListeners)\b/,
];

/** Of the suites of these patterns, relative to `root`, those that need a process of their own. */
export function ownProcess(root: string, include: readonly string[], exclude: readonly string[]): string[] {
  return globSync([...include], { cwd: root, exclude: [...exclude] })
    .filter((file) => {
      const text = readFileSync(`${root}/${file}`, 'utf8');
      return OF_THE_PROCESS.some((pattern) => pattern.test(text));
    })
    .sort();
}
