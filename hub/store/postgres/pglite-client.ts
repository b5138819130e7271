/** The side of the PGlite worker that asks: starts it, numbers requests, and fails them when it dies. */
import { Worker } from 'node:worker_threads';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Copied } from './copy-data.ts';
import type {
  Diagnostics,
  SqlFault,
  SqlResult,
  WorkerAnswer,
  WorkerData,
  WorkerRequest,
  WorkerStart,
} from './pglite-protocol.ts';

/** A statement that PostgreSQL refused. `code` is its SQLSTATE, as with the `pg` client. */
class SqlError extends Error {
  override readonly name = 'SqlError';
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;

  constructor(fault: SqlFault) {
    super(fault.message);
    this.code = fault.code;
    this.detail = fault.detail;
    this.constraint = fault.constraint;
    this.table = fault.table;
    this.column = fault.column;
  }
}

type Request = WorkerRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never;
type Settled = Extract<WorkerAnswer, { rows: unknown[] }> | Extract<WorkerAnswer, { diagnostics: Diagnostics }>;

/** Gigabytes on a slow disk. Milliseconds. */
const COPY_MS = 10 * 60_000;

interface Pending {
  resolve(answer: Settled): void;
  reject(error: Error): void;
  deadline: NodeJS.Timeout;
}

export class PgliteClient {
  readonly #data: WorkerData;
  readonly #deadlineMs: number;
  readonly #onFailure: (error: LinesideError) => void;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #exited: Promise<void> | undefined;
  #failure: LinesideError | undefined;
  #closing = false;
  #nextId = 1;

  /**
   * `onFailure` is called when the worker ends without having been asked to; nothing works after that. A request
   * not answered within `deadlineMs` is such an end: PGlite loops for ever where PostgreSQL would panic, for
   * instance when it cannot write its log.
   */
  constructor(data: WorkerData, deadlineMs: number, onFailure: (error: LinesideError) => void) {
    this.#data = data;
    this.#deadlineMs = deadlineMs;
    this.#onFailure = onFailure;
  }

  /** Takes about 4 s when the directory is new, else half a second. @throws LinesideError `STORE_DAMAGED` */
  async start(): Promise<void> {
    const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), { workerData: this.#data });
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    const started = await new Promise<WorkerStart>((resolve) => {
      worker.once('message', resolve);
      worker.once('error', (error) => resolve({ ready: false, fault: { message: messageOf(error) } }));
      worker.once('exit', (code) => resolve({ ready: false, fault: { message: `its thread ended with ${code}` } }));
    });
    if (!started.ready) {
      this.#closing = true;
      await worker.terminate();
      throw new LinesideError(
        'STORE_DAMAGED',
        'outside',
        `The database in ${this.#data.directory} does not start: ${started.fault.message}. It has been left as it is. ` +
          "Check the disk and that the hub's user owns the directory; if it is damaged, put a backup in its place.",
      );
    }
    worker.on('message', (answer: WorkerAnswer) => this.#settle(answer));
    worker.on('error', (error) => this.#fail(messageOf(error)));
    worker.on('exit', (code) => this.#fail(`its thread ended with ${code}`));
  }

  /** @throws SqlError for a statement that fails; LinesideError `STORE_FAILED` when the worker is gone. */
  async query(sql: string, parameters: readonly unknown[]): Promise<SqlResult> {
    return (await this.#ask({ type: 'query', sql, parameters })) as Extract<Settled, { rows: unknown[] }>;
  }

  /** Completes a copy that `copyAhead` has begun; queries wait meanwhile. */
  async copyTo(to: string, ahead: Copied[]): Promise<void> {
    await this.#ask({ type: 'copy', to, ahead }, COPY_MS);
  }

  async diagnostics(): Promise<Diagnostics> {
    return ((await this.#ask({ type: 'diagnostics' })) as Extract<Settled, { diagnostics: Diagnostics }>).diagnostics;
  }

  /** Lets what was asked before finish, shuts the database down with a checkpoint, and ends the thread. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing || !this.#worker || this.#failure) {
      await this.#exited;
      return;
    }
    const asked = this.#ask({ type: 'close' });
    this.#closing = true;
    await asked.catch(() => undefined);
    const grace = setTimeout(() => void this.#worker?.terminate(), 2_000);
    await this.#exited;
    clearTimeout(grace);
  }

  #ask(request: Request, deadlineMs = this.#deadlineMs): Promise<Settled> {
    const worker = this.#worker;
    if (this.#failure) return Promise.reject(this.#failure);
    if (!worker || this.#closing) {
      return Promise.reject(new LinesideError('STORE_CLOSED', 'bug', 'The relational store is not open.'));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#fail(`no answer within ${deadlineMs / 1_000} s`);
        void worker.terminate();
      }, deadlineMs);
      deadline.unref();
      this.#pending.set(id, { resolve, reject, deadline });
      try {
        worker.postMessage({ id, ...request });
      } catch (error) {
        // A parameter that cannot be cloned, such as a function.
        clearTimeout(deadline);
        this.#pending.delete(id);
        reject(error);
      }
    });
  }

  #settle(answer: WorkerAnswer): void {
    const waiting = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    clearTimeout(waiting?.deadline);
    if ('fault' in answer) waiting?.reject(new SqlError(answer.fault));
    else waiting?.resolve(answer);
  }

  #fail(reason: string): void {
    if (this.#failure || (this.#closing && this.#pending.size === 0)) return;
    const error = new LinesideError(
      'STORE_FAILED',
      'outside',
      `The database in ${this.#data.directory} has stopped: ${reason}. Restart the hub; committed data is on disk.`,
    );
    this.#failure = error;
    for (const { reject, deadline } of this.#pending.values()) {
      clearTimeout(deadline);
      reject(error);
    }
    this.#pending.clear();
    if (!this.#closing) this.#onFailure(error);
  }
}
