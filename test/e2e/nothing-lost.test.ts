/**
 * Nothing lost: the real programs, killed and cut off in every way that a line knows, and afterwards three accounts
 * of the same values compared: what the plant served, what the gateway made durable, what the hub stored.
 */
import { expect, test } from 'vitest';
import { plantRuns } from '../services/plant-runs.ts';
import { describe as inWords, prove } from '../services/proof/proof.ts';

/** How long something stays dead. Milliseconds. */
const OUTAGE_MS = 1_000;
/** A machine with much else to do takes three times as long as an idle one, which takes 40 s. */
const PATIENCE_MS = 240_000;
/** Samples that are to arrive between two outages. */
const BETWEEN = 60;

const begin = plantRuns();

function lasting(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
}

test(
  'every value is in the hub exactly once, in order, after kills of every program and a broken network',
  async () => {
    const run = await begin({ speed: 20 });
    await run.startAll();
    await run.untilDelivered(BETWEEN);

    await run.killAtWrite('hub', 1);
    await lasting();
    await run.start('hub');
    await run.untilDelivered(BETWEEN);

    await run.killAtWrite('gateway', 0);
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

    // A hub whose machine loses its power says no goodbye: the gateway has to notice by itself. Its devices go, too.
    run.wire.halfOpen();
    await Promise.all([run.kill('hub'), run.kill('plant')]);
    await lasting();
    await Promise.all([run.start('hub'), run.start('plant')]);
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
  },
  PATIENCE_MS,
);
