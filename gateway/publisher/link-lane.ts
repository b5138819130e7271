/**
 * One lane of the buffer on its way to the hub: an epoch, a window of records in flight, and where the hub stands in
 * it. Lanes do not wait for each other.
 */
import type { Committed, Hello } from '@lineside/shared/contracts/link.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { writeEnvelope } from '@lineside/shared/wire/envelope.ts';
import { SendWindow } from './send-window.ts';

export interface LinkRecord {
  seq: number;
  prev: number;
  payload: Buffer;
}

/** What the link needs of a lane of the buffer. */
export interface LinkBuffer {
  readonly epoch: string;
  readonly oldestSeq: number;
  readonly newestSeq: number;
  readonly committedSeq: number;
  read(seq: number): Promise<LinkRecord | undefined>;
  /** @param sentTo newest record that this process has sent: what the hub has beyond it, another one has sent */
  committed(seq: number, sentTo: number): Promise<void>;
}

/** Rewinds to the same place within this time are echoes of one hole. */
const REWIND_ECHO_MS = 1_000;

export class LinkLane {
  readonly buffer: LinkBuffer;
  readonly #log: Logger;
  readonly #window = new SendWindow();
  /** That the hub was asked about: a buffer whose directory was removed begins another one. */
  #epoch = '';
  #rewound = { seq: -1, at: 0 };
  /** What was asked for and not there, although newer records are: not to be asked for again before there are more. */
  #stuckAt = 0;
  #lastProgress = 0;
  /** Newest record of the epoch that was read to be sent. */
  #sentTo = 0;
  /** The hub has said where it stands. */
  ready = false;

  constructor(buffer: LinkBuffer, log: Logger) {
    this.buffer = buffer;
    this.#log = log;
  }

  get caughtUp(): boolean {
    return this.buffer.newestSeq <= this.buffer.committedSeq;
  }

  /** The buffer has begun another epoch since the hello. */
  get isReborn(): boolean {
    return this.#epoch !== this.buffer.epoch;
  }

  /** Records that have not been sent, those that are lost included. */
  get unsent(): number {
    return this.buffer.newestSeq - this.#window.nextSeq + 1;
  }

  /** There is a record to send, and room for it. */
  get maySend(): boolean {
    const { nextSeq, full } = this.#window;
    const { newestSeq } = this.buffer;
    return this.ready && !this.isReborn && !full && nextSeq <= newestSeq && this.#stuckAt !== newestSeq;
  }

  /** What to ask the hub; nothing is sent until it has answered. */
  hello(): Hello {
    const { epoch, oldestSeq, newestSeq } = this.buffer;
    this.ready = false;
    if (epoch !== this.#epoch) this.#sentTo = 0;
    this.#epoch = epoch;
    return { epoch, oldest: oldestSeq, newest: newestSeq };
  }

  /** Milliseconds since the hub has said something new although records are in flight; 0 while none are. */
  silentFor(now: number): number {
    if (this.#window.empty) this.#lastProgress = now;
    return Math.abs(now - this.#lastProgress);
  }

  /** The hub has said where it stands. `isCurrent` tells whether it still counts after the disk was asked. */
  async answered(answer: Committed, isCurrent: () => boolean, now: () => number): Promise<void> {
    const { buffer } = this;
    const first = !this.ready;
    // The hub's word on where it stands: also when it stands further back than it has said before.
    if (first || answer.resend || answer.seq > buffer.committedSeq) await buffer.committed(answer.seq, this.#sentTo);
    if (!isCurrent()) return;
    if (this.#window.committed(answer.seq)) this.#lastProgress = now();
    if (first) {
      this.#stuckAt = 0;
      this.#window.rewind(answer.seq);
      this.ready = true;
    } else if (answer.resend) this.#rewind(answer.seq, now());
  }

  /** The next record in its envelope; undefined when there is none, or when the hub has asked for another place. */
  async next(): Promise<{ seq: number; envelope: Buffer } | undefined> {
    const { nextSeq } = this.#window;
    const { newestSeq, epoch } = this.buffer;
    const record = await this.buffer.read(nextSeq);
    if (nextSeq !== this.#window.nextSeq || epoch !== this.buffer.epoch) return undefined;
    if (!record) {
      this.#stuckAt = newestSeq;
      return undefined;
    }
    const { seq, prev, payload } = record;
    this.#sentTo = Math.max(this.#sentTo, seq);
    return { seq, envelope: writeEnvelope({ epoch, seq, prev, batch: payload }) };
  }

  sent(seq: number, bytes: number, now: number): void {
    if (this.#window.empty) this.#lastProgress = now;
    this.#window.sent(seq, bytes);
  }

  /** Asks again for what was not there. */
  tryAgain(): void {
    this.#stuckAt = 0;
  }

  #rewind(seq: number, now: number): void {
    if (this.#rewound.seq === seq && Math.abs(now - this.#rewound.at) < REWIND_ECHO_MS) return;
    this.#rewound = { seq, at: now };
    this.#log.info({ from: seq + 1 }, 'the hub missed records; sending again');
    this.#window.rewind(seq);
  }
}
