/**
 * How far each epoch of each gateway is stored: one point a day, overwritten. It is written after the samples and is
 * read at first use; should it be behind, by a crash in between, what is written again gets its old places.
 */
import type { RecordId } from '../time-series.ts';
import type { InfluxHttp } from './influx-http.ts';
import { nanoseconds, tagValue } from './line-protocol.ts';

const DAY_MS = 86_400_000;

export class Watermarks {
  readonly #http: InfluxHttp;
  readonly #now: () => number;
  /** By gateway, those of its epochs. */
  readonly #known = new Map<string, Map<string, number>>();

  constructor(http: InfluxHttp, now: () => number) {
    this.#http = http;
    this.#now = now;
  }

  forget(gateway: string): void {
    this.#known.delete(gateway);
  }

  async of(gateway: string, epoch: string): Promise<number> {
    await this.learn([gateway]);
    return this.#known.get(gateway)!.get(epoch) ?? 0;
  }

  /** Reads those of gateways that are not known yet. */
  async learn(gateways: Iterable<string>): Promise<void> {
    const unknown = [...new Set(gateways)].filter((gateway) => !this.#known.has(gateway));
    if (unknown.length === 0) return;
    const read = new Map(unknown.map((gateway) => [gateway, new Map<string, number>()]));
    // The greatest and not the newest: the clock may have been set back.
    const one = unknown.length === 1 ? 'WHERE gateway = $gateway' : '';
    const params: Record<string, string> = one ? { gateway: tagValue(unknown[0]!) } : {};
    await this.#http.query(
      `SELECT max(seq) FROM watermarks ${one} GROUP BY gateway, epoch`,
      params,
      (_statement, { tags, values }) => {
        read.get(decodeURIComponent(tags.gateway!))?.set(tags.epoch!, values[0]![1] as number);
      },
    );
    for (const [gateway, epochs] of read) this.#known.set(gateway, epochs);
  }

  /** Of a gateway that has been learnt. */
  known({ gateway, epoch }: RecordId): number {
    return this.#known.get(gateway)?.get(epoch) ?? 0;
  }

  line({ gateway, epoch, seq }: RecordId): string {
    const day = Math.floor(this.#now() / DAY_MS) * DAY_MS;
    return `watermarks,gateway=${tagValue(gateway)},epoch=${epoch} seq=${seq}i ${nanoseconds(day, 0)}`;
  }

  moved({ gateway, epoch, seq }: RecordId): void {
    this.#known.get(gateway)?.set(epoch, seq);
  }
}
