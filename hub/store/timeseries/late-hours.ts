/** Which hours an append makes late: those that were over when their samples came. */
import { hourOf, lateBefore } from './rollup-levels.ts';
import type { LateHour, SampleColumns } from './time-series.ts';

/** @param now when the samples had been stored, or later */
export function lateHoursOf(records: readonly { samples: SampleColumns }[], now: number): LateHour[] {
  const before = lateBefore(now);
  // Every sample of a backlog passes here: no object for each of them.
  const found = new Map<number, Set<number>>();
  for (const { samples } of records) {
    const { tags, at } = samples;
    let hour = Number.NaN;
    let late: Set<number> | undefined;
    for (let i = 0; i < tags.length; i++) {
      if (at[i]! >= before) continue;
      const its = hourOf(at[i]!);
      if (its !== hour) {
        hour = its;
        late = found.get(hour);
        if (!late) {
          late = new Set();
          found.set(hour, late);
        }
      }
      late!.add(tags[i]!);
    }
  }
  const stamp = newStamp();
  return [...found].flatMap(([hour, tags]) => Array.from(tags, (tag) => ({ tag, hour, stamp })));
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
