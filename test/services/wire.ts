/**
 * A TCP proxy on this machine that ends connections as networks do: with a reset, by silence on both sides
 * (half-open), or by being slow. Its target may move while it listens.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A slow wire forwards so much at a time. Bytes. */
const SLOW_CHUNK = 1_024;

interface Pair {
  near: Socket;
  far: Socket;
  /** Neither data nor the end of one side reaches the other any more. */
  dead: boolean;
}

export class Wire {
  /** Port on this machine that connections go to. */
  target = 0;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #whole = true;
  #bytesPerSecond = Number.POSITIVE_INFINITY;

  constructor() {
    this.#server = createServer((near) => this.#accept(near));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  /** Resets all connections; until `mend` new ones are reset at once. */
  cut(): void {
    this.#whole = false;
    for (const pair of this.#pairs) reset(pair);
  }

  mend(): void {
    this.#whole = true;
  }

  /** The present connections stay open and nothing comes through any more, for ever; new ones work. */
  halfOpen(): void {
    for (const pair of this.#pairs) pair.dead = true;
  }

  /** From now on so many bytes pass each way of each connection in a second. */
  slow(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  fast(): void {
    this.#bytesPerSecond = Number.POSITIVE_INFINITY;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    near.on('error', () => undefined);
    if (!this.#whole) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.target, '127.0.0.1');
    far.on('error', () => undefined);
    near.setNoDelay(true);
    far.setNoDelay(true);
    const pair = { near, far, dead: false };
    this.#pairs.add(pair);
    void this.#forward(pair, near, far);
    void this.#forward(pair, far, near);
  }

  async #forward(pair: Pair, from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length && !pair.dead; ) {
          // Slow also for what was read while the wire was still fast.
          const end = Number.isFinite(this.#bytesPerSecond) ? at + SLOW_CHUNK : chunk.length;
          const part = chunk.subarray(at, end);
          if (!to.destroyed && !to.write(part)) await drained(to);
          at = end;
          const pause = (part.length / this.#bytesPerSecond) * 1_000;
          if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
        }
      }
    } catch {
      // A reset ends the reading; the other side learns it below.
    }
    if (pair.dead) return;
    reset(pair);
    this.#pairs.delete(pair);
  }
}

function reset({ near, far }: Pair): void {
  for (const socket of [near, far]) if (!socket.destroyed) socket.resetAndDestroy();
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}
