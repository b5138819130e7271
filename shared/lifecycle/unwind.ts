/**
 * Clean-ups, pushed the moment a resource opens and run in reverse: the same list ends a program that ran for
 * months and one that failed half-way through its start.
 */
import { messageOf } from '../errors/lineside-error.ts';
import type { Logger } from '../log/logger.ts';

interface Step {
  name: string;
  run: () => unknown;
}

/** How an unwinding went, for the exit code. */
export interface UnwindResult {
  /** Names of the steps that threw or did not end in time, in the order in which they ran. */
  failed: string[];
}

export class Unwind {
  readonly #steps: Step[] = [];
  #running: Promise<UnwindResult> | undefined;

  /** `name` completes "closing …" in the log. A promise that `run` returns is awaited. */
  defer(name: string, run: () => unknown): void {
    this.#steps.push({ name, run });
  }

  /**
   * Runs every step once, last one first. A step that throws or lasts longer than `deadlineMs` is logged by its
   * name and the others go on. Never rejects; a call during another one waits for that one; a step that is pushed
   * meanwhile runs too.
   */
  unwind(log: Logger, deadlineMs: number): Promise<UnwindResult> {
    this.#running ??= this.#runAll(log, deadlineMs).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #runAll(log: Logger, deadlineMs: number): Promise<UnwindResult> {
    const failed: string[] = [];
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      const startedAt = performance.now();
      try {
        await withDeadline(step, deadlineMs);
        log.info({ step: step.name, ms: Math.round(performance.now() - startedAt) }, `closed ${step.name}`);
      } catch (error) {
        failed.push(step.name);
        log.error({ step: step.name, reason: messageOf(error) }, `closing ${step.name} failed; going on`);
      }
    }
    return { failed };
  }
}

async function withDeadline(step: Step, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    await Promise.race([Promise.resolve().then(step.run), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
