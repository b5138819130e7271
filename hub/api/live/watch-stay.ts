/**
 * How long somebody may stay on the live socket: until what they came in by has ended or says other rights. What is
 * done at this hub is noticed at once, an end by time at its time, and what nobody tells of by asking now and then.
 */
import type { Access } from '../../auth/access.ts';
import type { Viewer } from './viewer.ts';

/** Asked so often in any case. Milliseconds. */
const ASK_MS = 15_000;
/** Timers of Node are no longer. Milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

export interface StayServices {
  access: Pick<Access, 'onChange'>;
  now(): number;
}

/** @returns ends the watching */
export function watchStay(viewer: Viewer, { access, now }: StayServices, onOver: () => void): () => void {
  const ask = () => {
    viewer.stillHere().then(
      (here) => {
        if (!here) onOver();
      },
      // The store is away: asked again.
      () => undefined,
    );
  };
  const unlisten = access.onChange((who) => {
    if (who === viewer.name) ask();
  });
  // What has changed since the door was opened, nobody has told here.
  ask();
  const timer = setInterval(ask, ASK_MS);
  let end: NodeJS.Timeout | undefined;
  const waitForEnd = (endsAt: number) => {
    const left = endsAt - now();
    if (left <= 0) onOver();
    else end = setTimeout(() => waitForEnd(endsAt), Math.min(left, LONGEST_MS));
  };
  if (viewer.endsAt !== null) waitForEnd(viewer.endsAt);
  return () => {
    unlisten();
    clearInterval(timer);
    clearTimeout(end);
  };
}
