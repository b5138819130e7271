/** Many runs: on each plant some follow each other, and some plants run side by side. */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import { FAKETIME } from '../services/fake-clock.ts';
import { hasMosquitto } from '../services/mosquitto.ts';
import { describe } from '../services/proof/proof.ts';
import { mountable } from '../services/small-disk.ts';
import { StepChooser } from './steps.ts';
import { type Look, World } from './world.ts';

export interface CampaignOptions {
  runs: number;
  /** Of the first run; each has one more. */
  seed: number;
  /** So many runs follow each other on one plant. */
  perPlant: number;
  /** So many plants at once. */
  together: number;
  signal: AbortSignal;
  say(line: string): void;
}

interface Figures {
  /** Samples that gateways made durable. */
  samplesIn: number;
  stored: number;
  /** Samples that are gone and named: in a gap with a cause at the hub, or counted by the gateway. */
  declaredDrops: number;
  /** Buffered and neither stored nor named, or served at a time when nothing was wrong and not buffered. */
  lost: number;
  duplicated: number;
  outOfOrder: number;
}

export interface CampaignResult extends Figures {
  /** Runs that came to their end, well or not. */
  runs: number;
  failed: number;
  /** Of failed runs. */
  kept: string[];
  problems: string[];
}

const NOTHING: Figures = { samplesIn: 0, stored: 0, declaredDrops: 0, lost: 0, duplicated: 0, outOfOrder: 0 };

/** What of the campaign this machine cannot do, and why. */
export function leftOut(): string[] {
  return [
    ...(FAKETIME ? [] : ['no clock is set: libfaketime is not here (Debian package faketime)']),
    ...(mountable ? [] : ['no disk is full: only root may mount a small one']),
    ...(hasMosquitto ? [] : ['no Mosquitto: only the embedded broker is used (Debian package mosquitto)']),
  ];
}

/** Never rejects: a run that breaks off is a failed one. */
export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { runs, seed, perPlant, together, signal } = options;
  const result: CampaignResult = { ...NOTHING, runs: 0, failed: 0, kept: [], problems: [] };
  const plants: { seed: number; runs: number }[] = [];
  for (let i = 0; i < runs; i += perPlant) plants.push({ seed: seed + i, runs: Math.min(perPlant, runs - i) });
  const worker = async () => {
    for (let next = plants.shift(); next && !signal.aborted; next = plants.shift()) {
      await onePlant(next.seed, next.runs, options, result);
    }
  };
  await Promise.all(Array.from({ length: together }, worker));
  return result;
}

/** A failed run is the last one of its plant: what it has left would fail the others. */
async function onePlant(
  first: number,
  runs: number,
  options: CampaignOptions,
  result: CampaignResult,
): Promise<void> {
  const { signal, say } = options;
  let world: World | undefined;
  let before = NOTHING;
  let seed = first;
  const problems: string[] = [];
  try {
    say(`seed ${first}: a new plant`);
    world = await World.create(first, (line) => say(`seed ${first}:${line}`));
    for (; seed < first + runs && !signal.aborted && problems.length === 0; seed++) {
      const began = performance.now();
      const told = await disturb(world, seed);
      const disturbed = performance.now();
      const look = await world.look(seed === first + runs - 1);
      problems.push(...look.proof.problems);
      const all = figuresOf(look);
      if (all.samplesIn !== all.stored + all.declaredDrops) problems.push(`the sum is wrong: ${JSON.stringify(all)}`);
      for (const name of Object.keys(all) as (keyof Figures)[]) result[name] += all[name] - before[name];
      before = all;
      result.runs++;
      const seconds = (from: number) => ((performance.now() - from) / 1_000).toFixed(1);
      say(
        `seed ${seed}: ${told}; ${seconds(began)} s, ${seconds(disturbed)} of them for the proof: ${describe(look.proof)}`,
      );
    }
    seed--;
  } catch (error) {
    problems.push(messageOf(error));
    if (!signal.aborted) result.runs++;
  }
  const failed = problems.length > 0 && !signal.aborted;
  await world?.end({ keep: failed });
  if (!failed) return;
  result.failed++;
  const repeat = `--runs ${seed - first + 1} --seed ${first} --per-plant ${seed - first + 1} --together 1`;
  for (const problem of problems) say(`seed ${seed}: FAILED: ${problem}`);
  if (world) result.kept.push(world.plant.dir);
  say(`seed ${seed}: ${world ? `kept in ${world.plant.dir}; ` : ''}to repeat: npm run chaos -- ${repeat}`);
  result.problems.push(...problems.map((problem) => `seed ${seed}: ${problem}`));
}

/** @returns what was done, in words */
async function disturb(world: World, seed: number): Promise<string> {
  const done: string[] = [];
  try {
    for (const { what, run } of new StepChooser(seed, world).choose()) {
      done.push(what);
      const more = await run(world);
      if (more) done.push(`(${more})`);
    }
    await world.settle();
    return done.join(', ');
  } catch (error) {
    throw new Error(`after: ${done.join(', ')}: ${messageOf(error)}`, { cause: error });
  }
}

function figuresOf({ proof: { truth, stored, buffer, hub }, dropped }: Look): Figures {
  return {
    samplesIn: buffer.samples + stored.lostByDamage + dropped - stored.undelivered.length,
    stored: hub.samples,
    declaredDrops: stored.declared + dropped,
    lost: stored.lost + truth.missing,
    duplicated: stored.duplicated,
    outOfOrder: stored.outOfOrder,
  };
}
