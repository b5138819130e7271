/** A hub in this process: the real broker and the real ingest, before stores that only count. */

import { Hello } from '@lineside/shared/contracts/link.ts';
import { createLogger } from '@lineside/shared/log/logger.ts';
import { Credentials } from '@lineside/shared/mqtt/credentials.ts';
import { Value } from 'typebox/value';
import { EmbeddedBroker } from '../../hub/broker/embedded-broker.ts';
import { Ingest } from '../../hub/ingest/ingest.ts';
import type { IngestLedger } from '../../hub/ingest/ledger.ts';
import type { TimeSeriesStore } from '../../hub/store/timeseries/time-series.ts';

export class CountingHub {
  /** Committed. */
  samples = 0;
  records = 0;
  gaps = 0;
  readonly #broker: EmbeddedBroker;
  readonly #ingest: Ingest;

  constructor(gateway: string, password: string) {
    const log = createLogger({ name: 'bench', level: 'error' });
    const credentials = new Credentials();
    credentials.set(gateway, password);
    this.#broker = new EmbeddedBroker({ host: '127.0.0.1', port: 0, credentials, log });
    this.#ingest = new Ingest({
      timeSeries: { append: () => Promise.resolve() } as unknown as TimeSeriesStore,
      ledger: this.#ledger(),
      answer: (to, committed) => this.#broker.answer(to, committed),
      onArrival: () => undefined,
      onTags: () => undefined,
      onCommitted: ({ samples, seq }) => {
        this.samples += samples;
        this.records = seq;
      },
      onQuarantine: () => {
        throw new Error('the hub could not read a record');
      },
      log,
    });
  }

  get port(): number {
    return this.#broker.port;
  }

  async start(): Promise<void> {
    await this.#ingest.start();
    await this.#broker.start(async ({ gateway, kind, payload }) => {
      if (kind === 'data') await this.#ingest.data(gateway, payload);
      else if (kind === 'hello') {
        const hello: unknown = JSON.parse(payload.toString('utf8'));
        if (Value.Check(Hello, hello)) await this.#ingest.hello(gateway, hello);
      }
    });
  }

  async stop(): Promise<void> {
    await this.#broker.stop();
    await this.#ingest.stop();
  }

  #ledger(): IngestLedger {
    return {
      watermarks: () => Promise.resolve([]),
      describeTags: (_gateway, _epoch, tags) => Promise.resolve(new Map(tags.map(({ id }) => [id, id]))),
      knownTags: () => Promise.resolve(new Map()),
      commit: (runs) => {
        for (const { gaps } of runs) this.gaps += gaps.length;
        return Promise.resolve(runs.map(() => ({ changed: [], lost: false })));
      },
      quarantine: () => Promise.resolve(),
    };
  }
}
