/** A plant that is disturbed at random, once for each seed, then stopped and looked into. */
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { PlantRun } from '../services/plant-run.ts';
import { describe, prove } from '../services/proof/proof.ts';
import { StepChooser } from './steps.ts';

export interface ChaosOptions {
  /** One after the other in one plant: its start and the proof at its end cost more than a short run. */
  seeds: number[];
  /** How long the plant is disturbed for each seed. */
  seconds: number;
  say(line: string): void;
}

export interface ChaosFigures {
  /** Samples that gateways made durable. */
  samplesIn: number;
  stored: number;
  /** Records that the hub has as gaps with a cause, and samples that the gateway counted as dropped. */
  declaredDrops: number;
  /** Buffered and not stored, or served at a time when nothing was wrong and not buffered. */
  lost: number;
  duplicated: number;
  outOfOrder: number;
}

export interface ChaosResult extends ChaosFigures {
  /** In words; empty when all is well. */
  problems: string[];
  /** Folder of a failed run. */
  kept: string | undefined;
}

export const NOTHING: ChaosFigures = {
  samplesIn: 0,
  stored: 0,
  declaredDrops: 0,
  lost: 0,
  duplicated: 0,
  outOfOrder: 0,
};

/** Never rejects: runs that break off are failed ones. Ends its programs when `signal` says so. */
export async function chaosRun(options: ChaosOptions, signal: AbortSignal): Promise<ChaosResult> {
  const { seeds, say } = options;
  const plant = await PlantRun.create({ speed: 20, seed: (seeds[0]! % 1_000_000) + 1 });
  const end = () => void plant.dispose({ keep: false });
  signal.addEventListener('abort', end);
  let result: ChaosResult;
  try {
    result = { ...(await disturbed(plant, options, signal)), kept: undefined };
  } catch (error) {
    result = { ...NOTHING, problems: [messageOf(error)], kept: undefined };
  }
  signal.removeEventListener('abort', end);
  if (result.problems.length > 0 && !signal.aborted) result.kept = plant.dir;
  for (const problem of result.problems) say(`  ${problem}`);
  await plant.dispose({ keep: result.kept !== undefined });
  return result;
}

async function disturbed(plant: PlantRun, { seeds, seconds, say }: ChaosOptions, signal: AbortSignal) {
  await plant.startAll();
  for (const seed of seeds) {
    await plant.untilDelivered(1);
    say(`  seed ${seed}`);
    const chooser = new StepChooser(seed);
    const began = performance.now();
    while (performance.now() < began + seconds * 1_000) {
      await pause(chooser.pause(), undefined, { signal });
      const { what, run } = chooser.next();
      say(`  ${((performance.now() - began) / 1_000).toFixed(1)} s: ${what}`);
      await run(plant);
    }
  }
  const last = await plant.finish();
  const proof = await prove(plant);
  say(`  ${describe(proof)}`);
  const { truth, stored, buffer, hub } = proof;
  const gaps = hub.gaps.reduce((sum, { fromSeq, toSeq }) => sum + toSeq - fromSeq + 1, 0);
  return {
    samplesIn: buffer.samples,
    stored: hub.samples,
    declaredDrops: gaps + last.buffer.droppedSamples,
    lost: stored.lost + truth.missing,
    duplicated: stored.duplicated,
    outOfOrder: stored.outOfOrder,
    problems: proof.problems,
  };
}
