/** What ingest needs of the relational store. */
import type { AlarmEvent } from '@lineside/shared/contracts/alarm.ts';
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';

/** Records of one gateway and epoch that were committed to the time series together. */
export interface CommittedRun {
  gateway: string;
  epoch: string;
  /** The newest of them. */
  seq: number;
  samples: number;
  /** `fromAt` and `toAt` are the receive times of what is next to it; null when not known. */
  gaps: { from: number; to: number; cause: string; fromAt: number | null; toAt: number | null }[];
  /** Under which its records were accepted: see `IngestOptions.termOf`. */
  term: number;
  /** In order; `tag` is the hub's id. */
  alarms: AlarmEvent[];
  /** With the record that each came in, and its place among the events there. */
  events: { seq: number; place: number; event: AnyEvent }[];
}

export interface IngestLedger {
  /** Of all gateways, or of these. */
  watermarks(gateways?: string[]): Promise<{ gateway: string; epoch: string; seq: number; updated_at?: number }[]>;
  /** Makes the gateway's tag numbers known; returns the hub's id for each. */
  describeTags(gateway: string, epoch: string, tags: TagInfo[]): Promise<Map<number, number>>;
  /** What was described before. */
  knownTags(gateway: string, epoch: string): Promise<Map<number, number>>;
  /**
   * All of it or nothing; a repeat changes nothing. Tells of each run the alarm occurrences that have changed, or that
   * its gateway is another hub's by now and nothing of it was committed.
   */
  commit(runs: CommittedRun[]): Promise<{ changed: string[]; lost: boolean }[]>;
  quarantine(gateway: string, reason: string, message: Buffer): Promise<void>;
}
