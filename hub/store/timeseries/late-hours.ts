/** Which hours an append makes late: those that were over when their samples came. */
import { hourOf, lateBefore } from './rollup-levels.ts';
import type { LateHour, SampleColumns } from './time-series.ts';

/** @param now when the samples had been stored, or later */
export function lateHoursOf(records: readonly { samples: SampleColumns }[], now: number): LateHour[] {
  const before = lateBefore(now);
  const found = new Map<string, LateHour>();
  const stamp = newStamp();
  for (const { samples } of records) {
    const { tags, at } = samples;
    for (let i = 0; i < tags.length; i++) {
      if (at[i]! >= before) continue;
      const late = { tag: tags[i]!, hour: hourOf(at[i]!), stamp };
      found.set(`${late.tag} ${late.hour}`, late);
    }
  }
  return [...found.values()];
}

/** What is left at both ends of a time that was deleted. */
export function lateHoursAround(tags: number[], from: number, to: number): LateHour[] {
  const stamp = newStamp();
  const hours = [from, to].filter((at) => hourOf(at) !== at).map(hourOf);
  return tags.flatMap((tag) => [...new Set(hours)].map((hour) => ({ tag, hour, stamp })));
}

function newStamp(): number {
  return 1 + Math.floor(Math.random() * 2 ** 52);
}
