/** Compares what the gateway made durable with what the hub stored: the same samples, once each, in order. */
import type { StoredSample } from '../../../hub/store/timeseries/time-series.ts';
import { type BufferContent, type BufferedSample, withDamaged } from './buffer-content.ts';
import type { HubContent } from './hub-content.ts';

export interface StoredFigures {
  /** In the buffer and not in the hub. */
  lost: number;
  /** In the hub more often than in the buffer, or only there. */
  duplicated: number;
  /** In both equally often, at another place in the sequence. */
  outOfOrder: number;
  /** Of records that the hub has as a gap with a name. */
  declared: number;
  /** Of records that were damaged since, whether the hub has them or not. */
  lostByDamage: number;
  /** Newer than what the hub has committed when all was stopped. */
  undelivered: BufferedSample[];
}

/**
 * Each difference is told in `problems`, the first few of a tag.
 *
 * @param damaged what was in the buffer before somebody damaged it: the hub has it, or knows that it is gone
 */
export function checkStored(
  present: BufferContent,
  hub: HubContent,
  problems: string[],
  damaged: readonly BufferContent[] = [],
): StoredFigures {
  const figures: StoredFigures = {
    lost: 0,
    duplicated: 0,
    outOfOrder: 0,
    declared: 0,
    lostByDamage: 0,
    undelivered: [],
  };
  const committed = hub.ledger?.seq ?? 0;
  const buffer = withDamaged(present, damaged);
  figures.lostByDamage = buffer.samples - present.samples;
  const declared = (seq: number) => !present.seqs.has(seq) && within(seq, hub.gaps);
  let due = 0;
  for (const key of new Set([...buffer.tags.keys(), ...hub.tags.keys(), ...hub.byTime.keys()])) {
    const all = buffer.tags.get(key) ?? [];
    const wanted = all.filter(({ seq }) => seq <= committed && !declared(seq));
    figures.declared += all.filter(({ seq }) => declared(seq)).length;
    figures.undelivered.push(...all.filter(({ seq }) => seq > committed));
    due += wanted.length;
    if (!compare(key, wanted, hub.tags.get(key) ?? [], figures, problems)) continue;
    const byTime = wanted.toSorted((a, b) => a.at - b.at);
    compare(`${key} by time`, byTime, hub.byTime.get(key) ?? [], figures, problems);
  }
  const told = [
    { what: "the ledger's samples", is: hub.ledger?.samples ?? 0, want: due },
    { what: "the store's samples", is: hub.samples, want: due },
    { what: "the store's watermark", is: hub.storeSeq, want: committed },
    { what: 'gaps without a name', is: hub.gaps.filter((gap) => !hasName(gap, buffer.epoch, hub)).length, want: 0 },
    { what: 'quarantined messages', is: hub.quarantined, want: 0 },
    {
      what: 'gaps of records that are there',
      is: hub.gaps.filter((gap) => covers(gap, present.seqs)).length,
      want: 0,
    },
    {
      what: 'missing records in the buffer',
      is: buffer.missing.filter((seq) => seq <= committed && !within(seq, hub.gaps)).length,
      want: 0,
    },
  ];
  for (const { what, is, want } of told) if (is !== want) problems.push(`${what}: ${is}, expected ${want}`);
  compareEvents(present, hub, problems);
  return figures;
}

interface Range {
  fromSeq: number;
  toSeq: number;
}

function within(seq: number, ranges: readonly Range[]): boolean {
  return ranges.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq);
}

function covers(range: Range, seqs: ReadonlySet<number>): boolean {
  return [...seqs].some((seq) => within(seq, [range]));
}

/** The gateway has said of each record of the gap that it is gone. */
function hasName({ fromSeq, toSeq }: Range, epoch: string, { events }: HubContent): boolean {
  const drops: Range[] = [];
  for (const { event } of events) {
    if (event.kind !== 'drop' || event.epoch !== epoch || event.fromSeq === null || event.toSeq === null) continue;
    drops.push({ fromSeq: event.fromSeq, toSeq: event.toSeq });
  }
  for (let seq = fromSeq; seq <= toSeq; ) {
    const drop = drops.find((candidate) => within(seq, [candidate]));
    if (!drop) return false;
    seq = drop.toSeq + 1;
  }
  return true;
}

/** The hub has each event of the urgent lane, up to the newest that it has, and no others. */
function compareEvents({ urgent }: BufferContent, hub: HubContent, problems: string[]): void {
  const stored = hub.events.filter(({ epoch }) => epoch === urgent.epoch);
  const newest = stored.at(-1)?.seq ?? 0;
  const oldest = urgent.events[0]?.seq ?? 0;
  const text = ({ seq, event }: { seq: number; event: object }) => `record ${seq}: ${JSON.stringify(sorted(event))}`;
  const wanted = urgent.events.filter(({ seq }) => seq <= newest).map(text);
  const is = stored.filter(({ seq }) => seq >= oldest).map(text);
  const differs = wanted.findIndex((line, i) => line !== is[i]);
  if (differs < 0 && wanted.length === is.length) return;
  const at = differs < 0 ? wanted.length : differs;
  problems.push(`events: the hub has ${is[at] ?? 'nothing'}, the buffer ${wanted[at] ?? 'nothing'}`);
}

function sorted(event: object): object {
  return Object.fromEntries(Object.entries(event).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether they are the same. */
function compare(
  key: string,
  wanted: BufferedSample[],
  stored: StoredSample[],
  figures: StoredFigures,
  problems: string[],
): boolean {
  const differs = wanted.findIndex((sample, i) => !stored[i] || textOf(sample) !== textOf(stored[i]));
  if (differs < 0 && wanted.length === stored.length) return true;
  const at = differs < 0 ? wanted.length : differs;
  const is = stored[at] ? textOf(stored[at]) : 'nothing';
  const want = wanted[at] ? textOf(wanted[at]) : 'nothing';
  problems.push(`${key}: sample ${at} of ${wanted.length} is ${is}, expected ${want} (record ${wanted[at]?.seq})`);
  const count = new Map<string, number>();
  for (const sample of wanted) count.set(textOf(sample), (count.get(textOf(sample)) ?? 0) + 1);
  for (const sample of stored) count.set(textOf(sample), (count.get(textOf(sample)) ?? 0) - 1);
  const differences = [...count.values()].filter((left) => left !== 0);
  for (const left of differences) {
    if (left > 0) figures.lost += left;
    else figures.duplicated -= left;
  }
  if (differences.length === 0) figures.outOfOrder++;
  return false;
}

/** -0 and 0 differ, as do 1 and true. */
function textOf({ at, value, quality }: StoredSample): string {
  return `${at} ${Object.is(value, -0) ? '-0' : JSON.stringify(value)} ${quality}`;
}
