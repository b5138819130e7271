/** A wire that can be cut or blocked: forwards TCP connections to a port on this machine until it is told not to. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class TcpCutter {
  readonly #target: number;
  readonly #change: (answer: Buffer) => Buffer;
  readonly #server: Server;
  #sockets = new Set<Socket>();
  #whole = true;
  /** What came while the wire was blocked; null while it is not. */
  #held: (() => void)[] | null = null;

  /** @param change of what the target says, on its way */
  constructor(target: number, change: (answer: Buffer) => Buffer = (answer) => answer) {
    this.#target = target;
    this.#change = change;
    this.#server = createServer((near) => this.#accept(near));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** Cuts all connections; new ones are cut at once. */
  cut(): void {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#whole = true;
  }

  /** Connections stay, and nothing comes through: a peer that hangs. */
  freeze(): void {
    this.#held ??= [];
  }

  /** Lets through what was held back. */
  thaw(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const forward of held) forward();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    if (!this.#whole) {
      near.destroy();
      return;
    }
    const far = connect(this.#target, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => {});
      one.on('data', (chunk) => {
        const forward = () => {
          if (!other.destroyed) other.write(one === far ? this.#change(chunk as Buffer) : chunk);
        };
        if (this.#held) this.#held.push(forward);
        else forward();
      });
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }
}
