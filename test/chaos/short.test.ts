/**
 * A short campaign of `npm run chaos`, with a seed that is always the same: 16 runs on two plants side by side.
 * docs/chaos.md says what a run is; `npm run chaos -- --runs 500` is the long one.
 */
import { expect, it } from 'vitest';
import { campaign, leftOut } from './campaign.ts';

const RUNS = 16;

it('whatever is killed, cut, torn, full or set meanwhile: in is stored and declared, once and in order', async () => {
  const said: string[] = leftOut();
  const signal = new AbortController().signal;
  const options = {
    runs: RUNS,
    seed: 2231,
    perPlant: 8,
    together: 2,
    signal,
    say: (line: string) => said.push(line),
  };
  const { samplesIn, stored, declaredDrops, ...rest } = await campaign(options);
  process.stdout.write(`${said.join('\n')}\n`);
  expect(rest.problems).toEqual([]);
  expect(rest).toMatchObject({ runs: RUNS, failed: 0, lost: 0, duplicated: 0, outOfOrder: 0 });
  expect(samplesIn).toBe(stored + declaredDrops);
  expect(stored).toBeGreaterThan(RUNS * 20);
}, 600_000);
