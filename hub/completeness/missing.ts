/** Joins what the hub sees (gaps in a sequence) with what the gateway says of it (drops). */
import type { Missing } from '@lineside/shared/contracts/completeness.ts';
import type { DropEvent } from '@lineside/shared/contracts/event.ts';

export interface SeenGap {
  epoch: string;
  fromSeq: number;
  toSeq: number;
  cause: string;
  fromAt: number | null;
  toAt: number | null;
}

/**
 * Gaps first, then drops of what never got a number, or of records that the sequence has not come to yet.
 *
 * @param reached the newest record that is stored, by epoch
 */
export function missingOf(
  gaps: readonly SeenGap[],
  drops: readonly DropEvent[],
  reached: ReadonlyMap<string, number>,
): Missing[] {
  const told = once(drops);
  const explaining = new Set<DropEvent>();
  const missing = gaps.map((gap): Missing => {
    const parts = told.filter((drop) => covers(drop, gap)).sort((a, b) => a.fromSeq! - b.fromSeq!);
    for (const part of parts) explaining.add(part);
    const { epoch, fromSeq, toSeq, fromAt, toAt } = gap;
    return {
      cause: [...new Set(parts.map(({ reason }) => reason))].join(', ') || gap.cause,
      ...{ epoch, fromSeq, toSeq },
      samples: fills(parts, gap) ? parts.reduce((sum, { samples }) => sum + samples, 0) : null,
      ...{ fromAt: fromAt ?? parts[0]?.fromAt ?? null, toAt: toAt ?? parts.at(-1)?.toAt ?? null },
    };
  });
  for (const drop of told) {
    const { reason: cause, epoch = null, fromSeq, toSeq, samples, alarms, fromAt, toAt } = drop;
    // Declared while the hub's answer was on its way: it had the records all the same.
    const arrived = epoch !== null && toSeq !== null && (reached.get(epoch) ?? 0) >= toSeq;
    if (explaining.has(drop) || arrived || (samples === 0 && !alarms)) continue;
    missing.push({ cause, epoch, fromSeq, toSeq, samples, ...(alarms && { alarms }), fromAt, toAt });
  }
  return missing;
}

/** A kill at the wrong moment makes a gateway tell of the same records twice. */
function once(drops: readonly DropEvent[]): DropEvent[] {
  const seen = new Set<string>();
  return drops.filter(({ epoch, reason, fromSeq, toSeq }) => {
    if (fromSeq === null || toSeq === null) return true;
    const key = `${epoch} ${reason} ${fromSeq} ${toSeq}`;
    return !seen.has(key) && seen.add(key);
  });
}

function covers({ epoch, fromSeq, toSeq }: DropEvent, gap: SeenGap): boolean {
  if (fromSeq === null || toSeq === null || (epoch !== undefined && epoch !== gap.epoch)) return false;
  return fromSeq <= gap.toSeq && toSeq >= gap.fromSeq;
}

/** Whether the drops are the gap, end to end: then their samples are its samples. */
function fills(parts: DropEvent[], gap: SeenGap): boolean {
  let next = gap.fromSeq;
  for (const { fromSeq, toSeq } of parts) {
    if (fromSeq !== next) return false;
    next = toSeq! + 1;
  }
  return parts.length > 0 && next === gap.toSeq + 1;
}
