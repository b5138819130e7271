/** The whole proof of one run: plant against buffer, buffer against hub. */
import { loadConfig } from '../../../gateway/config/load-config.ts';
import type { PlantRun } from '../plant-run.ts';
import { type BufferContent, readBuffer } from './buffer-content.ts';
import { type HubContent, readHub } from './hub-content.ts';
import { checkStored, type StoredFigures } from './stored-check.ts';
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

/** All programs of the run have been stopped. */
export async function prove(run: PlantRun): Promise<Proof> {
  const problems: string[] = run.crashes();
  const buffer = await readBuffer(run.bufferDir);
  const hub = await readHub(run.hubDir, run.gateway, buffer.epoch);
  const stored = checkStored(buffer, hub, problems);
  const truth = checkTruth(
    readTruth(run.truthFile, loadConfig('config/demo/gateway.yaml')),
    buffer,
    run.outages,
    problems,
  );
  return { truth, stored, buffer, hub, problems };
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
