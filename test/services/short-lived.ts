/** How Node runs what lives for seconds, as in tests: compiled at once, and never made faster for a long life. */

/**
 * PGlite's start costs half with the first, and a hub's start a tenth less without collecting what it has just loaded.
 * Not allowed in NODE_OPTIONS, so they are handed on from process to process.
 */
export const SHORT_LIVED = ['--liftoff-only', '--min-semi-space-size=32', '--max-semi-space-size=64'];

/** Of Node's options of this process, those that its children want too. */
export function shortLivedFlags(): string[] {
  return process.execArgv.filter((flag) => SHORT_LIVED.includes(flag));
}
