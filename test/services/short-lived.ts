/** How Node runs what lives for seconds, as in tests: compiled at once, and never made faster for a long life. */

/** PGlite's start costs half with it. Not allowed in NODE_OPTIONS, so it is handed on from process to process. */
export const SHORT_LIVED = ['--liftoff-only'];

/** Of Node's options of this process, those that its children want too. */
export function shortLivedFlags(): string[] {
  return process.execArgv.filter((flag) => SHORT_LIVED.includes(flag));
}
