/**
 * The connection to one host and port, shared by all devices behind it. One request is in flight at any time; the
 * devices take turns, so that one with many requests does not starve the others.
 */
import { Backoff } from '@lineside/shared/time/backoff.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { type ConnectionSettings, endpointOf } from './connection-config.ts';
import { connectionLost, type Failure, noAnswer, noConnection, unreachable, wrongAnswer } from './failure.ts';
import { type OpenTransport, transportFor } from './open-transport.ts';
import type { Request } from './request.ts';
import type { Transport } from './transport.ts';
import type { WireTap } from './wire-tap.ts';

/**
 * Most of the line's time that goes to trying devices that do not answer, when there are others on it. With a timeout
 * of 1 s one dead device is tried every 20 s.
 */
const TRIAL_SHARE = 0.05;

/** A deadline that is looked at so late was missed by this process, not by the device. Milliseconds. */
const HELD_UP_MS = 3;
/** What the request in flight then gets. */
const GRACE_MS = 10;

/** One request and what becomes of it: exactly one of the calls, unless it was cancelled or the connection was lost. */
export interface Job {
  readonly request: Request;
  readonly timeoutMs: number;
  /** How often it is sent again when no right answer comes. */
  readonly retries: number;
  /** Nobody knows whether the device answers this at all, so silence says nothing of the connection. */
  readonly guess?: boolean;
  answered(view: DataView, at: number): void;
  refused(exception: number): void;
  failed(failure: Failure): void;
}

/** A device on the connection. */
export interface Member {
  readonly timeoutMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  readonly requestDelayMs: number;
  readonly turnaroundMs: number;
  opened(): void;
  /** All its jobs are gone. The connection is tried again in `retryInMs`. */
  lost(failure: Failure, retryInMs: number): void;
  /** Another one that did not answer does again: it may be worth a trial before its time. */
  tryNow(): void;
}

/** A member's place, with the jobs that wait for their turn. */
export interface Seat {
  submit(job: Job): void;
  /** Ahead of everything that waits, behind the urgent ones before it. False: the connection is not open. */
  submitUrgent(job: Job): boolean;
  /**
   * The device does not answer. Books the time of one request for finding out whether it does again, so that all
   * dead devices together take little of the others' time.
   *
   * @returns milliseconds until the trial, at least `pauseMs`
   */
  bookTrial(pauseMs: number): number;
  /** The device answers again. */
  recovered(): void;
  /** Drops what waits and what is in flight, without a call. */
  cancel(): void;
  /** The same, but for what is urgent. */
  cancelPolls(): void;
  leave(): void;
}

interface Queue {
  member: Member;
  jobs: Job[];
  waiting: boolean;
}

interface Turn {
  queue: Queue;
  job: Job;
  retriesLeft: number;
  urgent: boolean;
}

export class Connection {
  readonly endpoint: string;
  #openTransport: OpenTransport;
  #onEmpty: () => void;
  readonly #clock: Clock;
  readonly #taps = new Set<WireTap>();
  #queues = new Set<Queue>();
  /** Queues that have jobs, in the order of their turns. */
  #turns: Queue[] = [];
  /** Requests that go before all turns. */
  #urgent: Turn[] = [];
  #transport: Transport | null = null;
  #open = false;
  #inFlight: Turn | null = null;
  /** Whether there may have to be a pause before a request. */
  #paced = false;
  #pauseTimer: Timer | null = null;
  /** Monotonic time of the last outcome, milliseconds; kept only when paced. */
  #endedAt = 0;
  #lastUnit = -1;
  /** Who does not answer, and monotonic time from which the next trial may be. */
  #dead = new Set<Queue>();
  #trialsFreeAt = 0;
  #backoff = new Backoff(500, 15_000);
  #retryTimer: Timer | null = null;
  /**
   * One timer for all requests: it is armed when none runs, and looks at its end whether the request then in
   * flight is late. So a timer is made once in a timeout, not once in a request.
   */
  #deadlineTimer: Timer | null = null;
  #deadlineTimerEnds = 0;
  #deadline = 0;
  #graceGiven = false;
  /** Who has missed a deadline since anybody answered. */
  #mute = new Set<Queue>();

  constructor(endpoint: string, open: OpenTransport, onEmpty: () => void, clock: Clock = systemClock) {
    this.endpoint = endpoint;
    this.#openTransport = open;
    this.#onEmpty = onEmpty;
    this.#clock = clock;
  }

  /** Has this one see everything on the line, until the function that is given back is called. */
  tap(tap: WireTap): () => void {
    this.#taps.add(tap);
    return () => void this.#taps.delete(tap);
  }

  /** Adds a device, and connects when it is the first one. */
  join(member: Member): Seat {
    const queue: Queue = { member, jobs: [], waiting: false };
    this.#queues.add(queue);
    const members = [...this.#queues].map((one) => one.member);
    this.#backoff.firstMs = Math.min(...members.map((one) => one.retryMinMs));
    this.#backoff.maxMs = Math.min(...members.map((one) => one.retryMaxMs));
    if (this.#queues.size === 1) this.#connect();
    else if (this.#open) {
      this.#pace();
      queueMicrotask(() => this.#queues.has(queue) && this.#open && member.opened());
    }
    return {
      submit: (job) => this.#submit(queue, job),
      submitUrgent: (job) => this.#submitUrgent(queue, job),
      bookTrial: (pauseMs) => this.#bookTrial(queue, pauseMs),
      recovered: () => this.#recovered(queue),
      cancel: () => this.#cancel(queue, true),
      cancelPolls: () => this.#cancel(queue, false),
      leave: () => this.#leave(queue),
    };
  }

  #pace(): void {
    const members = [...this.#queues].map((one) => one.member);
    this.#paced =
      this.#transport!.quietMs > 0 || members.some((one) => one.requestDelayMs > 0 || one.turnaroundMs > 0);
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

  #submitUrgent(queue: Queue, job: Job): boolean {
    if (!this.#open || !this.#queues.has(queue)) return false;
    this.#urgent.push({ queue, job, retriesLeft: job.retries, urgent: true });
    if (!this.#inFlight) this.#next();
    return true;
  }

  #cancel(queue: Queue, urgentToo: boolean): void {
    const goes = (turn: Turn) => turn.queue === queue && (urgentToo || !turn.urgent);
    queue.jobs.length = 0;
    this.#urgent = this.#urgent.filter((turn) => !goes(turn));
    if (this.#inFlight && goes(this.#inFlight)) {
      // The device may still be at work on it: its turn lasts until the answer or the deadline.
      const { request, timeoutMs } = this.#inFlight.job;
      this.#inFlight.job = { ...ignored, request, timeoutMs };
      this.#inFlight.retriesLeft = 0;
    }
  }

  #bookTrial(queue: Queue, pauseMs: number): number {
    this.#dead.add(queue);
    if (this.#queues.size === 1) return pauseMs;
    const now = this.#clock.monotonic();
    const at = Math.max(now + pauseMs, this.#trialsFreeAt);
    this.#trialsFreeAt = at + queue.member.timeoutMs / TRIAL_SHARE;
    return at - now;
  }

  /** One cause often takes down several devices, and one repair brings them back: the next one is tried at once. */
  #recovered(queue: Queue): void {
    if (!this.#dead.delete(queue)) return;
    const [next] = this.#dead;
    if (!next) this.#trialsFreeAt = 0;
    else queueMicrotask(() => this.#dead.has(next) && this.#open && next.member.tryNow());
  }

  #leave(queue: Queue): void {
    if (!this.#queues.delete(queue)) return;
    this.#cancel(queue, true);
    this.#mute.delete(queue);
    this.#dead.delete(queue);
    if (this.#queues.size > 0) return;
    this.#drop();
    if (this.#retryTimer) this.#clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    this.#onEmpty();
  }

  #connect(): void {
    this.#retryTimer = null;
    const patience = Math.max(...[...this.#queues].map((one) => one.member.timeoutMs));
    this.#watch(patience);
    this.#transport = this.#openTransport({
      opened: () => {
        this.#open = true;
        for (const tap of this.#taps) tap.opened();
        this.#pace();
        for (const queue of [...this.#queues]) queue.member.opened();
      },
      answered: (view, at) => {
        if (this.#taps.size > 0) this.#tell((tap, request) => tap.answered(request, view, at));
        this.#take()?.answered(view, at);
      },
      refused: (exception) => {
        if (this.#taps.size > 0) this.#tell((tap, request) => tap.refused(request, exception));
        this.#take()?.refused(exception);
      },
      wrong: (reason) => this.#wrong(reason),
      restarted: () => this.#inFlight && this.#watch(this.#inFlight.job.timeoutMs),
      closed: (cause) =>
        this.#lose(this.#open ? connectionLost(this.endpoint, cause) : unreachable(this.endpoint, cause)),
    });
  }

  #tell(what: (tap: WireTap, request: Request) => void): void {
    const request = this.#inFlight?.job.request;
    if (request) for (const tap of this.#taps) what(tap, request);
  }

  /** Ends the turn of the request in flight; the next one goes out before the answer is worked on. */
  #take(): Job | null {
    const done = this.#inFlight;
    this.#inFlight = null;
    this.#backoff.reset();
    if (this.#mute.size > 0) this.#mute.clear();
    if (this.#paced) this.#endedAt = this.#clock.monotonic();
    this.#next();
    return done?.job ?? null;
  }

  #next(): void {
    if (this.#pauseTimer) return;
    const urgent = this.#urgent[0];
    const queue = urgent?.queue ?? this.#whoseTurn();
    if (!queue) return;
    if (this.#paced && this.#pauses(queue.member, (urgent?.job ?? queue.jobs[0]!).request.unit)) return;
    let turn: Turn;
    if (urgent) turn = this.#urgent.shift()!;
    else {
      const job = queue.jobs.shift()!;
      this.#turns.shift();
      if (queue.jobs.length > 0) this.#turns.push(queue);
      else queue.waiting = false;
      turn = { queue, job, retriesLeft: job.retries, urgent: false };
    }
    this.#inFlight = turn;
    this.#lastUnit = turn.job.request.unit;
    this.#watch(turn.job.timeoutMs);
    if (this.#taps.size > 0) for (const tap of this.#taps) tap.sent(turn.job.request);
    this.#transport!.send(turn.job.request);
  }

  #whoseTurn(): Queue | undefined {
    while (this.#turns.length > 0) {
      const queue = this.#turns[0]!;
      if (queue.jobs.length > 0) return queue;
      queue.waiting = false;
      this.#turns.shift();
    }
    return undefined;
  }

  /** Whether the line has to rest before this request; then it goes on by itself. */
  #pauses(member: Member, unit: number): boolean {
    const turnaround = unit === this.#lastUnit || this.#lastUnit < 0 ? 0 : member.turnaroundMs;
    const pause = Math.max(this.#transport!.quietMs, member.requestDelayMs, turnaround);
    const left = this.#endedAt + pause - this.#clock.monotonic();
    if (left <= 0) return false;
    this.#pauseTimer = this.#clock.setTimeout(() => {
      this.#pauseTimer = null;
      if (!this.#inFlight) this.#next();
    }, Math.ceil(left));
    return true;
  }

  #watch(timeoutMs: number): void {
    this.#graceGiven = false;
    this.#deadline = this.#clock.monotonic() + timeoutMs;
    if (this.#deadlineTimer && this.#deadlineTimerEnds <= this.#deadline) return;
    if (this.#deadlineTimer) this.#clock.clearTimeout(this.#deadlineTimer);
    this.#armDeadline(timeoutMs);
  }

  #armDeadline(inMs: number): void {
    this.#deadlineTimerEnds = this.#clock.monotonic() + inMs;
    this.#deadlineTimer = this.#clock.setTimeout(() => this.#checkDeadline(), Math.ceil(inMs));
  }

  #checkDeadline(): void {
    this.#deadlineTimer = null;
    const waiting = this.#inFlight !== null || (this.#transport !== null && !this.#open);
    if (!waiting) return;
    const left = this.#deadline - this.#clock.monotonic();
    if (left > 0.5) {
      this.#armDeadline(left);
      return;
    }
    // This process itself was held up, and the answer may lie in the socket already.
    if (left < -HELD_UP_MS && !this.#graceGiven) {
      this.#graceGiven = true;
      this.#armDeadline(GRACE_MS);
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
    const transport = this.#transport!;
    transport.forget();
    this.#tell((tap, request) => tap.failed(request, `no answer within ${late.job.timeoutMs} ms`));
    if (!transport.blocked && late.retriesLeft > 0) {
      this.#again(late);
      return;
    }
    this.#inFlight = null;
    this.#endedAt = this.#clock.monotonic();
    const { guess = false } = late.job;
    if (!guess && this.#queues.has(late.queue)) this.#mute.add(late.queue);
    const failure = noAnswer(this.endpoint, late.job.request.unit, late.job.timeoutMs);
    // When nobody on the connection answers, it is the connection that is dead: half open, or its peer hangs.
    if (transport.blocked || (!guess && transport.reopenHelps && this.#mute.size >= this.#queues.size)) {
      this.#lose(failure);
      return;
    }
    late.job.failed(failure);
    if (this.#open && !this.#inFlight) this.#next();
  }

  #wrong(reason: string): void {
    const turn = this.#inFlight;
    if (!turn) return;
    this.#tell((tap, request) => tap.failed(request, reason));
    if (turn.retriesLeft > 0) this.#again(turn);
    else this.#take()?.failed(wrongAnswer(this.endpoint, reason));
  }

  /** At once, before everything else, but for the rest that the line needs. */
  #again(turn: Turn): void {
    this.#inFlight = null;
    this.#endedAt = this.#clock.monotonic();
    this.#urgent.unshift({ ...turn, retriesLeft: turn.retriesLeft - 1 });
    this.#next();
  }

  /** Throws away the transport, which is never used again: the next attempt has a socket and a buffer of its own. */
  #drop(): void {
    this.#transport?.destroy();
    this.#transport = null;
    this.#open = false;
    this.#inFlight = null;
    this.#turns.length = 0;
    this.#urgent.length = 0;
    this.#mute.clear();
    this.#dead.clear();
    this.#trialsFreeAt = 0;
    if (this.#pauseTimer) this.#clock.clearTimeout(this.#pauseTimer);
    this.#pauseTimer = null;
    for (const queue of this.#queues) {
      queue.jobs.length = 0;
      queue.waiting = false;
    }
    if (this.#deadlineTimer) this.#clock.clearTimeout(this.#deadlineTimer);
    this.#deadlineTimer = null;
  }

  #lose(failure: Failure): void {
    this.#drop();
    for (const tap of this.#taps) tap.closed(failure.reason);
    const pause = this.#backoff.next();
    this.#retryTimer = this.#clock.setTimeout(() => this.#connect(), pause);
    for (const queue of [...this.#queues]) queue.member.lost(failure, pause);
  }
}

const ignored = { retries: 0, answered() {}, refused() {}, failed() {} };

const connections = new Map<string, Connection>();

/**
 * The connection that these settings describe, made when nobody has it yet. They must have passed `check`.
 *
 * @param scope keeps gateways apart that share a process
 * @param resolvePath makes paths of the configuration absolute
 */
export function connectionTo(
  settings: ConnectionSettings,
  scope: string,
  resolvePath: (path: string) => string,
): Connection {
  const { transport, tls, serial } = settings;
  const endpoint = endpointOf(settings);
  const key = JSON.stringify([scope, transport, endpoint.toLowerCase(), tls, serial]);
  let connection = connections.get(key);
  if (!connection) {
    connection = new Connection(endpoint, transportFor(settings, resolvePath), () => connections.delete(key));
    connections.set(key, connection);
  }
  return connection;
}
