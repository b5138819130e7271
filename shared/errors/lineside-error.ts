/**
 * Errors by who has to act. An operator's message says what happened, where, and what to do next; the code is
 * stable, so that a script or a test can hold on to it.
 */
export type Blame =
  /** The configuration or the command line is wrong: the person who wrote it acts. */
  | 'config'
  /** A device, a network or a server did not do its part: maintenance or IT acts. */
  | 'outside'
  /** A message from a peer is wrong: quarantined, and the peer's owner acts. */
  | 'peer'
  /** Lineside itself is wrong. */
  | 'bug';

export class LinesideError extends Error {
  override readonly name = 'LinesideError';
  readonly code: string;
  readonly blame: Blame;

  constructor(code: string, blame: Blame, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.blame = blame;
  }
}

/** The message of anything that was thrown, with the messages of its causes. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Trying a name's several addresses fails with one error without words of its own.
  const parts = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : '';
  const own = error.message || parts || error.name;
  if (error.cause === undefined) return own;
  const cause = messageOf(error.cause);
  return own.includes(cause) ? own : `${own}: ${cause}`;
}
