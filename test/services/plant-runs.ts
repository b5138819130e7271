/** A plant run for each test of a file: disposed of afterwards, and kept for a look when the test has failed. */
import { afterEach } from 'vitest';
import { PlantRun } from './plant-run.ts';

/** To be called once in a file. Returns what begins the run of a test. */
export function plantRuns(): (options: Parameters<typeof PlantRun.create>[0]) => Promise<PlantRun> {
  let run: PlantRun | undefined;
  afterEach(async ({ task }) => {
    const keep = task.result?.state === 'fail';
    await run?.dispose({ keep });
    if (keep) console.error(`the failed run is kept in ${run?.dir}`);
    run = undefined;
  });
  return async (options) => {
    run = await PlantRun.create(options);
    return run;
  };
}
