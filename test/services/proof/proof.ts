/** The whole proof of one run: plant against buffer, buffer against hub. */
import { loadConfig } from '../../../gateway/config/load-config.ts';
import type { ClockStep } from '../fake-clock.ts';
import type { Outage, PlantRun } from '../plant-run.ts';
import { type BufferContent, readBuffer, withDamaged } from './buffer-content.ts';
import { type HubContent, readHub, readSamples } from './hub-content.ts';
import { checkStored, type StoredFigures } from './stored-check.ts';
import { byTrueClock } from './true-clock.ts';
import { readTruth } from './truth.ts';
import { checkTruth, type TruthFigures } from './truth-check.ts';

export interface Proof {
  truth: TruthFigures;
  stored: StoredFigures;
  buffer: BufferContent;
  hub: HubContent;
  /** Every difference in words; empty when nothing was lost, doubled, moved or made up. */
  problems: string[];
}

export interface ProofOptions {
  /** The stores, where they are not the run's own but copies. */
  bufferDir?: string;
  hubDir?: string;
  /** When the plant was stopped where it stood, and when the copies were made; milliseconds since 1970 UTC. */
  frozenAt?: number;
  copiedAt?: number;
  /** What was in the buffer before somebody damaged it. */
  damaged?: readonly BufferContent[];
  /**
   * Of an earlier look, since which nothing was damaged: the relational store, which costs a second to open, is taken
   * to say of tags and gaps what it said then.
   */
  known?: HubContent;
  /** How the gateway's clock was set. */
  clock?: readonly ClockStep[];
}

/** Nobody uses the stores that are looked into. */
export async function prove(run: PlantRun, options: ProofOptions = {}): Promise<Proof> {
  const {
    bufferDir = run.bufferDir,
    hubDir = run.hubDir,
    damaged = [],
    clock = [],
    frozenAt,
    copiedAt,
    known,
  } = options;
  const problems: string[] = run.crashes();
  // Of what was under way then, nothing is in the copies: as if both had been killed, for ever.
  const ends = { plant: frozenAt, gateway: copiedAt };
  const copied = Object.entries(ends).flatMap(([program, from]): Outage[] =>
    from === undefined ? [] : [{ program: program as 'plant' | 'gateway', from, to: Number.POSITIVE_INFINITY }],
  );
  const buffer = await readBuffer(bufferDir, damaged.at(-1));
  const hub = known
    ? await withoutRelational(hubDir, run.gateway, buffer, known)
    : await readHub(hubDir, run.gateway, buffer.epoch);
  const stored = checkStored(buffer, hub, problems, damaged);
  const truth = checkTruth(
    readTruth(run.truthFile, loadConfig(run.config.gateway)),
    byTrueClock(withDamaged(buffer, damaged), clock, problems),
    [...run.outages, ...copied],
    problems,
  );
  return { truth, stored, buffer, hub, problems };
}

async function withoutRelational(
  dir: string,
  gateway: string,
  { epoch, urgent }: BufferContent,
  known: HubContent,
): Promise<HubContent> {
  const samples = await readSamples(dir, gateway, epoch, known.names);
  return {
    ...known,
    ...samples,
    ledger: { seq: samples.storeSeq, samples: samples.samples },
    events: urgent.events.map((placed) => ({ epoch: urgent.epoch, ...placed })),
  };
}

/** One line for people. */
export function describe({ truth, stored, buffer, hub }: Proof): string {
  const { served, buffered, unchanged, excused, missing, retold } = truth;
  return (
    `${served} values served: ${buffered} buffered, ${unchanged} held back by a deadband, ` +
    `${excused} not buffered around kills and cuts, ${missing} missing; ` +
    `${buffer.samples} samples buffered in ${buffer.newestSeq} records (${retold} of them retold after outages), ` +
    `${hub.samples} stored, ${stored.lost} lost, ${stored.duplicated} doubled, ${stored.outOfOrder} series out of order`
  );
}
