/**
 * Nothing lost: the real programs, killed and cut off in every way that a line knows, and afterwards three accounts
 * of the same values compared: what the plant served, what the gateway made durable, what the hub stored.
 */
import { afterEach, expect, test } from 'vitest';
import { PlantRun } from '../services/plant-run.ts';
import { describe as inWords, prove } from '../services/proof/proof.ts';

/** How long something stays dead. Milliseconds. */
const OUTAGE_MS = 1_500;
/** Samples that are to arrive between two outages. */
const BETWEEN = 60;

let run: PlantRun | undefined;

afterEach(async ({ task }) => {
  const keep = task.result?.state === 'fail';
  await run?.dispose({ keep });
  if (keep) console.error(`the failed run is kept in ${run?.dir}`);
  run = undefined;
});

function lasting(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
}

test('every value is in the hub exactly once, in order, after kills of every program and a broken network', async () => {
  run = await PlantRun.create({ speed: 20 });
  await run.startAll();
  await run.untilDelivered(BETWEEN);

  await run.kill('hub');
  await lasting();
  await run.start('hub');
  await run.untilDelivered(BETWEEN);

  await run.kill('gateway');
  await lasting();
  await run.start('gateway');
  await run.untilDelivered(BETWEEN);

  await Promise.all([run.kill('gateway'), run.kill('hub')]);
  await lasting();
  await Promise.all([run.start('gateway'), run.start('hub')]);
  await run.untilDelivered(BETWEEN);

  run.wire.cut();
  await lasting();
  run.wire.mend();
  await run.untilDelivered(BETWEEN);

  // A hub whose machine loses its power says no goodbye: the gateway has to notice by itself.
  run.wire.halfOpen();
  await run.kill('hub');
  await run.start('hub');
  // Meanwhile the devices come and go.
  await run.kill('plant');
  await lasting();
  await run.start('plant');
  await run.untilDelivered(BETWEEN);
  await run.finish();

  const proof = await prove(run);
  process.stdout.write(`nothing lost: ${inWords(proof)}\n`);
  expect(proof.problems).toEqual([]);
  expect(proof.truth).toMatchObject({ missing: 0, unexplained: 0 });
  expect(proof.stored).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0 });
  // What stays with the gateway is its last word on its devices, said when it had been told to stop.
  expect(proof.stored.undelivered.length).toBeLessThanOrEqual(3);
  expect(proof.hub.samples).toBeGreaterThan(6 * BETWEEN);
  expect(proof.truth.buffered).toBeGreaterThan(proof.truth.excused / 2);
}, 120_000);
