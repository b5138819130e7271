/** Which gaps are read together: one request has one span of time for all its nodes (OPC 10000-11, 6.4.3). */
import type { Gap } from '../tag-past.ts';

export interface Missing {
  index: number;
  gap: Gap;
}

/**
 * Nodes may be asked for so much more than they miss, as a part of the span and in milliseconds at least. What is read
 * in vain is thrown away; what is not read together takes a request of its own.
 */
const SLACK = 0.1;
const SLACK_MS = 5000;

/**
 * The gap that begins first, with those that begin and end about when it does.
 *
 * @param missing any number of gaps, at most one of each tag
 * @param limit of the gaps read together
 * @returns empty when nothing is missing
 */
export function planTogether(missing: readonly Missing[], limit: number): Missing[] {
  const byBegin = missing.toSorted((a, b) => a.gap.from - b.gap.from);
  const first = byBegin[0];
  if (!first) return [];
  const { from, to } = first.gap;
  const slack = Math.max(SLACK_MS, SLACK * (to - from));
  return byBegin
    .filter(({ gap }) => gap.from - from <= slack && Math.abs(gap.to - to) <= slack)
    .slice(0, Math.max(1, limit));
}
