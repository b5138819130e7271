/** A buffer whose gateway had a wrong clock now and then, by the true one. */
import type { ClockStep } from '../fake-clock.ts';
import type { BufferContent, BufferedSample } from './buffer-content.ts';

/** Times of the gateway's own are so near to when it took them; those of a device with a right clock are hours off. */
const NEAR_MS = 60_000;
/** A batch is closed and a step noticed so late at most. */
const SLACK_MS = 20_000;

/**
 * @param steps each by far more than the time between two of them, so that only one of the offsets that followed each
 * other explains a time
 */
export function byTrueClock(content: BufferContent, steps: readonly ClockStep[], problems: string[]): BufferContent {
  if (steps.every(({ offsetMs }) => offsetMs === 0)) return content;
  const moved = (key: string, samples: BufferedSample[]): BufferedSample[] => {
    let step = 0;
    return samples.map((sample) => {
      const found = stepOf(sample.receivedAt, steps, step);
      if (found < 0) {
        problems.push(`${key}: ${JSON.stringify(sample)} is of a time that the gateway's clock never showed`);
        return sample;
      }
      step = found;
      const { offsetMs } = steps[found]!;
      const own = Math.abs(sample.at - sample.receivedAt) < NEAR_MS;
      return { ...sample, receivedAt: sample.receivedAt - offsetMs, at: own ? sample.at - offsetMs : sample.at };
    });
  };
  return { ...content, tags: new Map([...content.tags].map(([key, samples]) => [key, moved(key, samples)])) };
}

/** The first step from `first` on under which the clock can have shown this; -1 when there is none. */
function stepOf(shown: number, steps: readonly ClockStep[], first: number): number {
  for (let i = first; i < steps.length; i++) {
    const { from, offsetMs } = steps[i]!;
    const until = steps[i + 1]?.from ?? Number.POSITIVE_INFINITY;
    const real = shown - offsetMs;
    if (from - SLACK_MS <= real && real <= until + SLACK_MS) return i;
  }
  return -1;
}
