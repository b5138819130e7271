/** The work that takes a while, for those who look: all of it that is not over, and the newest that is. In memory. */
import type { JobView } from '@lineside/shared/contracts/job.ts';

const MAX_OVER = 200;
const MAX_OPEN = 2_000;

export class JobBoard {
  readonly #open = new Map<string, JobView>();
  readonly #over = new Map<string, JobView>();
  readonly #onChange: (job: JobView) => void;

  constructor(onChange: (job: JobView) => void) {
    this.#onChange = onChange;
  }

  /** What is new of a piece of work; the first time, that there is one. */
  tell(job: JobView): void {
    const over = job.state !== 'waiting' && job.state !== 'running';
    const list = over ? this.#over : this.#open;
    if (over) this.#open.delete(job.id);
    list.delete(job.id);
    list.set(job.id, job);
    const [oldest] = list.keys();
    if (list.size > (over ? MAX_OVER : MAX_OPEN)) list.delete(oldest!);
    this.#onChange(job);
  }

  /** Newest change first. */
  all(): JobView[] {
    return [...this.#open.values(), ...this.#over.values()].sort((a, b) => b.changedAt - a.changedAt);
  }
}
