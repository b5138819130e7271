import { defineConfig } from 'vitest/config';

/** Suites that start whole plants or wait out time limits: they mostly wait, so three at a time, after the others. */
const HEAVY = [
  'test/e2e/**/*.test.ts',
  'test/browser/**/*.test.ts',
  'test/chaos/**/*.test.ts',
  'test/gateway/drivers/opcua/life.test.ts',
];

/** In CI, where others share the machine, a failed test is tried again; test/run.ts names those that needed it. */
const retry = process.env.CI ? 3 : 0;

const common = {
  retry,
  environment: 'node',
  pool: 'forks',
  testTimeout: 30_000,
  hookTimeout: 60_000,
} as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...common,
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: HEAVY,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'whole',
          include: HEAVY,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
