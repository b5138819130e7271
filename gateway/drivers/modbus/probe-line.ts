/**
 * A line for trying things out on a device that may be at work: one slow request after the other, reads only, and no
 * more of them than was agreed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { isBitTable, READ_CODE, type Table } from './address.ts';
import { type ConnectionSettings, endpointOf } from './connection-config.ts';
import { noConnection, unreachable } from './failure.ts';
import { transportFor } from './open-transport.ts';
import { type Request, readRequest } from './request.ts';
import type { Transport } from './transport.ts';

/** What came of one read. */
export type ProbeAnswer = ({ bytes: Buffer } | { exception: number } | { silent: true } | { wrong: string }) & {
  /** How long it took, milliseconds. */
  ms: number;
};

export interface ProbeBounds {
  maxRequests: number;
  maxSeconds: number;
  /** Rest between an answer and the next request, milliseconds. */
  pauseMs: number;
  signal?: AbortSignal | undefined;
}

/** The agreed requests or time are used up, or somebody pressed Ctrl-C: what is known so far is the result. */
export class ProbeEnded extends Error {}

export class ProbeLine {
  readonly #settings: ConnectionSettings;
  readonly #bounds: ProbeBounds;
  readonly #resolvePath: (path: string) => string;
  readonly #endsAt: number;
  #transport: Transport | null = null;
  #settle: ((answer: Omit<ProbeAnswer, 'ms'>) => void) | null = null;
  requests = 0;
  /** Connections that the device closed by itself. */
  closed = 0;

  constructor(settings: ConnectionSettings, bounds: ProbeBounds, resolvePath: (path: string) => string) {
    this.#settings = settings;
    this.#bounds = bounds;
    this.#resolvePath = resolvePath;
    this.#endsAt = performance.now() + 1000 * bounds.maxSeconds;
  }

  /** @throws LinesideError PROBE_UNREACHABLE */
  async open(): Promise<void> {
    const { timeoutMs } = this.#settings;
    const endpoint = endpointOf(this.#settings);
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string) => {
        clearTimeout(timer);
        this.close();
        reject(new LinesideError('PROBE_UNREACHABLE', 'outside', reason));
      };
      const timer = setTimeout(() => fail(noConnection(endpoint, timeoutMs).reason), timeoutMs);
      let open = false;
      this.#transport = transportFor(
        this.#settings,
        this.#resolvePath,
      )({
        opened: () => {
          open = true;
          clearTimeout(timer);
          resolve();
        },
        answered: (view, at) => this.#end({ bytes: this.#copy(view, at) }),
        refused: (exception) => this.#end({ exception }),
        wrong: (reason) => this.#end({ wrong: reason }),
        restarted: () => {},
        closed: (cause) => {
          if (!open) {
            fail(unreachable(endpoint, cause).reason);
            return;
          }
          this.closed++;
          this.#transport = null;
          this.#end({ wrong: cause.message });
        },
      });
    });
  }

  /**
   * Reads registers or bits.
   *
   * @throws ProbeEnded when no further request may be sent
   */
  async read(unit: number, table: Table, offset: number, count: number): Promise<ProbeAnswer> {
    const { maxRequests, pauseMs, signal } = this.#bounds;
    if (signal?.aborted) throw new ProbeEnded('interrupted');
    if (this.requests >= maxRequests) throw new ProbeEnded(`${maxRequests} requests were sent`);
    if (performance.now() > this.#endsAt) throw new ProbeEnded(`${this.#bounds.maxSeconds} s have passed`);
    if (!this.#transport) await this.open();
    const transport = this.#transport!;
    this.requests++;
    this.#request = readRequest(unit, READ_CODE[table], offset, count);
    const sentAt = performance.now();
    const answer = await new Promise<Omit<ProbeAnswer, 'ms'>>((resolve) => {
      const timer = setTimeout(() => {
        transport.forget();
        this.#end({ silent: true });
      }, this.#settings.timeoutMs);
      this.#settle = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      transport.send(this.#request!);
    });
    const ms = performance.now() - sentAt;
    await sleep(Math.max(pauseMs, transport.quietMs));
    return { ...answer, ms } as ProbeAnswer;
  }

  close(): void {
    this.#transport?.destroy();
    this.#transport = null;
  }

  #request: Request | null = null;

  #copy(view: DataView, at: number): Buffer {
    return Buffer.from(new Uint8Array(view.buffer, view.byteOffset + at, this.#request!.bytes));
  }

  #end(answer: Omit<ProbeAnswer, 'ms'>): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(answer);
  }
}

/** Most registers or bits that the protocol has in one request. */
export function mostOf(table: Table): number {
  return isBitTable(table) ? 2000 : 125;
}
