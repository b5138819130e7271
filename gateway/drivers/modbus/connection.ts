/**
 * The connection to one host and port, shared by all devices behind it. One request is in flight at any time; the
 * devices take turns, so that one with many requests does not starve the others.
 */
import { Backoff } from '@lineside/shared/time/backoff.ts';
import { connectionLost, type Failure, noAnswer, noConnection, unreachable } from './failure.ts';
import { type ReadRequest, TcpTransport } from './tcp-transport.ts';

/** One read and what becomes of it: exactly one of the calls, unless it was cancelled or the connection was lost. */
export interface Job {
  readonly request: ReadRequest;
  readonly timeoutMs: number;
  answered(view: DataView, at: number): void;
  refused(exception: number): void;
  failed(failure: Failure): void;
}

/** A device on the connection. */
export interface Member {
  readonly timeoutMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  opened(): void;
  /** All its jobs are gone. The connection is tried again in `retryInMs`. */
  lost(failure: Failure, retryInMs: number): void;
}

/** A member's place, with the jobs that wait for their turn. */
export interface Seat {
  submit(job: Job): void;
  /** Drops what waits and what is in flight, without a call. */
  cancel(): void;
  leave(): void;
}

interface Queue {
  member: Member;
  jobs: Job[];
  waiting: boolean;
}

export class Connection {
  readonly endpoint: string;
  #host: string;
  #port: number;
  #onEmpty: () => void;
  #queues = new Set<Queue>();
  /** Queues that have jobs, in the order of their turns. */
  #turns: Queue[] = [];
  #transport: TcpTransport | null = null;
  #open = false;
  #inFlight: { queue: Queue; job: Job } | null = null;
  #backoff = new Backoff(500, 15_000);
  #retryTimer: NodeJS.Timeout | null = null;
  /**
   * One timer for all requests: it is armed when none runs, and looks at its end whether the request then in
   * flight is late. So a timer is made once in a timeout, not once in a request.
   */
  #deadlineTimer: NodeJS.Timeout | null = null;
  #deadlineTimerEnds = 0;
  #deadline = 0;
  /** Who has missed a deadline since anybody answered. */
  #mute = new Set<Queue>();

  constructor(host: string, port: number, onEmpty: () => void) {
    this.endpoint = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    this.#host = host;
    this.#port = port;
    this.#onEmpty = onEmpty;
  }

  /** Adds a device, and connects when it is the first one. */
  join(member: Member): Seat {
    const queue: Queue = { member, jobs: [], waiting: false };
    this.#queues.add(queue);
    const members = [...this.#queues].map((one) => one.member);
    this.#backoff.firstMs = Math.min(...members.map((one) => one.retryMinMs));
    this.#backoff.maxMs = Math.min(...members.map((one) => one.retryMaxMs));
    if (this.#queues.size === 1) this.#connect();
    else if (this.#open) queueMicrotask(() => this.#queues.has(queue) && this.#open && member.opened());
    return {
      submit: (job) => this.#submit(queue, job),
      cancel: () => this.#cancel(queue),
      leave: () => this.#leave(queue),
    };
  }

  #submit(queue: Queue, job: Job): void {
    if (!this.#open || !this.#queues.has(queue)) return;
    queue.jobs.push(job);
    if (!queue.waiting) {
      queue.waiting = true;
      this.#turns.push(queue);
    }
    if (!this.#inFlight) this.#next();
  }

  #cancel(queue: Queue): void {
    queue.jobs.length = 0;
    if (this.#inFlight?.queue === queue) {
      // The device may still be at work on it: its turn lasts until the answer or the deadline.
      this.#inFlight.job = {
        ...ignored,
        request: this.#inFlight.job.request,
        timeoutMs: this.#inFlight.job.timeoutMs,
      };
    }
  }

  #leave(queue: Queue): void {
    if (!this.#queues.delete(queue)) return;
    this.#cancel(queue);
    this.#mute.delete(queue);
    if (this.#queues.size > 0) return;
    this.#drop();
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    this.#onEmpty();
  }

  #connect(): void {
    this.#retryTimer = null;
    const patience = Math.max(...[...this.#queues].map((one) => one.member.timeoutMs));
    this.#watch(patience);
    const transport = new TcpTransport(this.#host, this.#port, {
      opened: () => {
        this.#open = true;
        for (const queue of [...this.#queues]) queue.member.opened();
      },
      answered: (view, at) => this.#take()?.answered(view, at),
      refused: (exception) => this.#take()?.refused(exception),
      closed: (cause) =>
        this.#lose(this.#open ? connectionLost(this.endpoint, cause) : unreachable(this.endpoint, cause)),
    });
    this.#transport = transport;
  }

  /** Ends the turn of the request in flight; the next one goes out before the answer is worked on. */
  #take(): Job | null {
    const done = this.#inFlight;
    this.#inFlight = null;
    this.#backoff.reset();
    if (this.#mute.size > 0) this.#mute.clear();
    this.#next();
    return done?.job ?? null;
  }

  #next(): void {
    while (this.#turns.length > 0) {
      const queue = this.#turns.shift()!;
      const job = queue.jobs.shift();
      if (!job) {
        queue.waiting = false;
        continue;
      }
      if (queue.jobs.length > 0) this.#turns.push(queue);
      else queue.waiting = false;
      this.#inFlight = { queue, job };
      this.#watch(job.timeoutMs);
      this.#transport!.send(job.request);
      return;
    }
  }

  #watch(timeoutMs: number): void {
    this.#deadline = performance.now() + timeoutMs;
    if (this.#deadlineTimer && this.#deadlineTimerEnds <= this.#deadline) return;
    if (this.#deadlineTimer) clearTimeout(this.#deadlineTimer);
    this.#armDeadline(timeoutMs);
  }

  #armDeadline(inMs: number): void {
    this.#deadlineTimerEnds = performance.now() + inMs;
    this.#deadlineTimer = setTimeout(() => this.#checkDeadline(), Math.ceil(inMs));
  }

  #checkDeadline(): void {
    this.#deadlineTimer = null;
    const waiting = this.#inFlight !== null || (this.#transport !== null && !this.#open);
    if (!waiting) return;
    const left = this.#deadline - performance.now();
    if (left > 0.5) {
      this.#armDeadline(left);
      return;
    }
    if (!this.#open) {
      this.#lose(noConnection(this.endpoint, Math.max(...[...this.#queues].map((one) => one.member.timeoutMs))));
      return;
    }
    this.#timeOut();
  }

  #timeOut(): void {
    const late = this.#inFlight!;
    this.#inFlight = null;
    const transport = this.#transport!;
    transport.forget();
    if (this.#queues.has(late.queue)) this.#mute.add(late.queue);
    const failure = noAnswer(this.endpoint, late.job.request.unit, late.job.timeoutMs);
    // When nobody on the connection answers, it is the connection that is dead: half open, or its peer hangs.
    if (transport.blocked || this.#mute.size >= this.#queues.size) {
      this.#lose(failure);
      return;
    }
    late.job.failed(failure);
    if (!this.#inFlight) this.#next();
  }

  /** Throws away the transport, which is never used again: the next attempt has a socket and a buffer of its own. */
  #drop(): void {
    this.#transport?.destroy();
    this.#transport = null;
    this.#open = false;
    this.#inFlight = null;
    this.#turns.length = 0;
    this.#mute.clear();
    for (const queue of this.#queues) {
      queue.jobs.length = 0;
      queue.waiting = false;
    }
    if (this.#deadlineTimer) clearTimeout(this.#deadlineTimer);
    this.#deadlineTimer = null;
  }

  #lose(failure: Failure): void {
    this.#drop();
    const pause = this.#backoff.next();
    this.#retryTimer = setTimeout(() => this.#connect(), pause);
    for (const queue of [...this.#queues]) queue.member.lost(failure, pause);
  }
}

const ignored = { answered() {}, refused() {}, failed() {} };

const connections = new Map<string, Connection>();

/**
 * The connection to a host and port, made when nobody has it yet.
 *
 * @param scope keeps gateways apart that share a process
 */
export function connectionTo(host: string, port: number, scope: string): Connection {
  const key = `${scope} ${host.toLowerCase()} ${port}`;
  let connection = connections.get(key);
  if (!connection) {
    connection = new Connection(host, port, () => connections.delete(key));
    connections.set(key, connection);
  }
  return connection;
}
