/** Compares what the gateway made durable with what the hub stored: the same samples, once each, in order. */
import type { StoredSample } from '../../../hub/store/timeseries/time-series.ts';
import type { BufferContent, BufferedSample } from './buffer-content.ts';
import type { HubContent } from './hub-content.ts';

export interface StoredFigures {
  /** In the buffer and not in the hub. */
  lost: number;
  /** In the hub more often than in the buffer, or only there. */
  duplicated: number;
  /** In both equally often, at another place in the sequence. */
  outOfOrder: number;
  /** Newer than what the hub has committed when all was stopped. */
  undelivered: BufferedSample[];
}

/** Each difference is told in `problems`, the first few of a tag. */
export function checkStored(buffer: BufferContent, hub: HubContent, problems: string[]): StoredFigures {
  const figures: StoredFigures = { lost: 0, duplicated: 0, outOfOrder: 0, undelivered: [] };
  const committed = hub.ledger?.seq ?? 0;
  let due = 0;
  for (const key of new Set([...buffer.tags.keys(), ...hub.tags.keys(), ...hub.byTime.keys()])) {
    const all = buffer.tags.get(key) ?? [];
    const wanted = all.filter(({ seq }) => seq <= committed);
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
    { what: 'gaps', is: hub.gaps.length, want: 0 },
    { what: 'quarantined messages', is: hub.quarantined, want: 0 },
    { what: 'missing records in the buffer', is: buffer.missing.length, want: 0 },
  ];
  for (const { what, is, want } of told) if (is !== want) problems.push(`${what}: ${is}, expected ${want}`);
  return figures;
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
