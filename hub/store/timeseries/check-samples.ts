/** What no store can hold is refused before anything of it is stored. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { SampleColumns } from './time-series.ts';

/** @throws LinesideError STORE_BAD_SAMPLES for columns of unequal length and times that are not whole milliseconds */
export function checkSamples({ tags, at, values, quality }: SampleColumns): void {
  const count = tags.length;
  if (at.length !== count || values.length !== count || quality.length !== count) {
    throw bad(
      `tags, at, values and quality have ${count}, ${at.length}, ${values.length} and ${quality.length} items`,
    );
  }
  for (let i = 0; i < count; i++) {
    if (!Number.isSafeInteger(at[i]))
      throw bad(`sample ${i} (tag ${tags[i]}) has the time ${at[i]}, not whole milliseconds`);
  }
}

function bad(what: string): LinesideError {
  return new LinesideError(
    'STORE_BAD_SAMPLES',
    'peer',
    `Samples refused, nothing of this append was stored: ${what}.`,
  );
}
