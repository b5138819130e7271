/**
 * Runs what it is given with the next frame, and what comes next no sooner than `everyMs` later. Nobody reads a
 * number that changes ten times a second, and drawing it takes most of what a wall screen's small computer has.
 *
 * @param onFrame runs something with the next frame: requestAnimationFrame in a browser
 */
export function paced(everyMs: number, onFrame: (work: () => void) => void): (work: () => void) => void {
  let ranAt = Number.NEGATIVE_INFINITY;
  return (work) => {
    const inFrame = () =>
      onFrame(() => {
        ranAt = performance.now();
        work();
      });
    const wait = ranAt + everyMs - performance.now();
    if (wait > 0) setTimeout(inFrame, wait);
    else inFrame();
  };
}
