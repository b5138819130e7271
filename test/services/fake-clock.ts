/** A program's wall clock under a test's hand, by libfaketime (Debian package `faketime`); time itself goes on as it does. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** By architecture, as `/usr/lib/aarch64-linux-gnu/faketime`, and where it was built by hand. */
const ROOTS = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];
const NAME = 'libfaketimeMT.so.1';

/** The library; undefined where it is not installed. */
export const FAKETIME = findLibrary();

/** From when on the clock was wrong by how much. */
export interface ClockStep {
  /** By the true clock, milliseconds since 1970 UTC. */
  from: number;
  offsetMs: number;
}

export class FakeClock {
  readonly #file: string;
  /** In order; the first one is no step. */
  readonly steps: ClockStep[] = [];

  /** @param file is written here, and read by the program whenever it asks for the time */
  constructor(file: string) {
    this.#file = file;
    this.set(0);
  }

  /** So far ahead of the true clock from now on. */
  set(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    this.steps.push({ from: Date.now(), offsetMs: seconds * 1_000 });
  }

  /** What the program has to be started with. */
  env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: FAKETIME!,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }
}

function findLibrary(): string | undefined {
  for (const root of ROOTS.filter((path) => existsSync(path))) {
    const dirs = [
      root,
      ...readdirSync(root)
        .filter((name) => name.includes('linux'))
        .map((name) => join(root, name)),
    ];
    const found = dirs.map((dir) => join(dir, 'faketime', NAME)).find((path) => existsSync(path));
    if (found) return found;
  }
  return undefined;
}
