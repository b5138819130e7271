/**
 * Which records are on their way to the hub: sent, but not said to be committed. Bounded in number and bytes, so
 * that a slow hub slows the sender down instead of filling its memory.
 */
const MAX_RECORDS = 64;
const MAX_BYTES = 8 * 1024 * 1024;

export class SendWindow {
  #inFlight: { seq: number; bytes: number }[] = [];
  #bytes = 0;
  /** The next record to send has at least this seq. */
  nextSeq = 1;

  get empty(): boolean {
    return this.#inFlight.length === 0;
  }

  get full(): boolean {
    return this.#inFlight.length >= MAX_RECORDS || this.#bytes >= MAX_BYTES;
  }

  sent(seq: number, bytes: number): void {
    this.#inFlight.push({ seq, bytes });
    this.#bytes += bytes;
    this.nextSeq = seq + 1;
  }

  /** The hub has everything up to `seq`. Says whether that was news. */
  committed(seq: number): boolean {
    const before = this.#inFlight.length;
    while (this.#inFlight.length > 0 && this.#inFlight[0]!.seq <= seq) this.#bytes -= this.#inFlight.shift()!.bytes;
    const skipped = this.nextSeq <= seq;
    if (skipped) this.nextSeq = seq + 1;
    return skipped || this.#inFlight.length < before;
  }

  /** Sends again from behind `seq`: what was in flight is taken as lost. */
  rewind(seq: number): void {
    this.#inFlight = [];
    this.#bytes = 0;
    this.nextSeq = seq + 1;
  }
}
