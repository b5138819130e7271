/** What every bench is to the runner. */

export interface BenchOptions {
  /** How long to measure, after the warm-up. */
  seconds: number;
  /** What waits in the buffer at the start, MiB, when somebody says so. */
  backlogMiB?: number | undefined;
  /** hub, live, api: which stores, when somebody says so. */
  store?: 'embedded' | 'servers' | undefined;
  /** live, api: whether clients come to the hub over TLS. */
  tls?: boolean | undefined;
  /** hub: how long to look at its memory beside all else. */
  soakSeconds?: number | undefined;
  /** Where the measured processes leave their CPU profiles, when somebody asks for them. */
  profileDir: string | undefined;
  /** Aborted by Ctrl-C: the bench undoes what it started and rejects. */
  signal: AbortSignal;
  /** Tells a person what goes on. */
  say(line: string): void;
}

/** One bench is one file that exports one of these; run.ts lists them. */
export interface Bench {
  summary: string;
  defaultSeconds: number;
  /** Resolves with the figures; rejects when the work could not be done as it was meant. */
  run(options: BenchOptions): Promise<Record<string, unknown>>;
}
