/** What the connection needs of whatever carries requests to devices and answers back. */
import type { Request } from './request.ts';

export interface TransportEvents {
  opened(): void;
  /**
   * The request in flight was answered. Its values lie at `at` of `view`, only for the length of the call; for a
   * write, what the device repeated.
   */
  answered(view: DataView, at: number): void;
  /** The device refused the request in flight. */
  refused(exception: number): void;
  /** The answer to the request in flight was not a right one. The next request will be understood again. */
  wrong(reason: string): void;
  /** The line is being put in step, and the request in flight has its whole time again from now on. */
  restarted(): void;
  /** Never open, or no longer: once, and nothing after it. Not after `destroy`. */
  closed(cause: Error): void;
}

/** One opening of one line, for the life of that opening. */
export interface Transport {
  /** Bytes of an earlier request that the peer's side has not taken yet. */
  readonly blocked: boolean;
  /** Least pause between an answer and the next request, milliseconds. */
  readonly quietMs: number;
  /** Whether opening anew can bring back a line on which nobody answers. */
  readonly reopenHelps: boolean;
  /** Sends one request. There must be none in flight: a device may mix up its answers otherwise. */
  send(request: Request): void;
  /** Gives up the request in flight. Its answer never becomes the answer of another one should it still come. */
  forget(): void;
  /** Closes without a word to the events. */
  destroy(): void;
}

/** Bytes both ways: a socket, a TLS socket or a serial port. */
export interface ByteStream {
  readonly blocked: boolean;
  write(bytes: Buffer): void;
  /** Closes without a word to the events. */
  destroy(): void;
}

export interface StreamEvents {
  opened(): void;
  /** The first `length` bytes are new; they are the stream's own and change with the next call. */
  received(bytes: Buffer, view: DataView, length: number): void;
  /** Never open, or no longer. */
  closed(cause: Error): void;
}

/** Begins to open a stream. */
export type OpenStream = (events: StreamEvents) => ByteStream;
