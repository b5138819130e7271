import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';
import { ownProcess } from './test/own-process.ts';
import { SHORT_LIVED } from './test/services/short-lived.ts';
import { TEST_CACHE } from './test/services/test-cache.ts';

// Compiled once for all the processes of the suites, ours and their programs: a start costs a third less.
process.env.NODE_COMPILE_CACHE ??= join(TEST_CACHE, 'compiled');

const SUITES = ['test/**/*.test.ts'];

/** Suites that start whole plants, or wait out time limits. */
const WHOLE = [
  'test/e2e/**/*.test.ts',
  'test/browser/**/*.test.ts',
  'test/chaos/**/*.test.ts',
  'test/gateway/drivers/opcua/life.test.ts',
];

/** Suites of one part that change what belongs to the whole process. */
const ALONE = ownProcess(import.meta.dirname, SUITES, WHOLE);

/** In CI, where others share the machine, a failed test is tried again; test/run.ts names those that needed it. */
const retry = process.env.CI ? 3 : 0;

const common = {
  retry,
  environment: 'node',
  pool: 'forks',
  execArgv: SHORT_LIVED,
  testTimeout: 30_000,
  hookTimeout: 60_000,
} as const;

export default defineConfig({
  test: {
    // A third and more of their time the suites wait. The longest come first, whichever project they are of, and what is
    // short fills the cores at the end.
    maxWorkers: 5,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          name: 'whole',
          include: WHOLE,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      { test: { ...common, name: 'alone', include: ALONE } },
      { test: { ...common, name: 'together', include: SUITES, exclude: [...WHOLE, ...ALONE], isolate: false } },
    ],
  },
});
