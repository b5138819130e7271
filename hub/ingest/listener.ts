/**
 * What gateways say whose data another hub takes: it is shown here as well, nothing of it is stored or answered, and
 * when the other hub has told that it is committed, those who wait for that are told here too.
 */
import type { AnyEvent } from '@lineside/shared/contracts/event.ts';
import type { Committed } from '@lineside/shared/contracts/link.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { type Batch, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch, readEnvelope } from '@lineside/shared/wire/envelope.ts';
import type { SampleColumns } from '../store/timeseries/time-series.ts';
import type { Arrival } from './ingest.ts';
import { previewOf } from './preview.ts';
import { TagIds } from './tag-ids.ts';

/** Records of one gateway that are heard and not known to be committed; with more, the oldest are forgotten. */
const MOST_WAITING = 500;
/** Tags that are not known yet are looked for again after so long. Milliseconds. */
const LOOK_AGAIN_MS = 1_000;

/** What another hub has committed of what was heard here. */
export interface HeardRun {
  gateway: string;
  samples: SampleColumns[];
  /** Alarm occurrences that may have changed. */
  occurrences: string[];
  events: AnyEvent[];
  /** Whether it described tags. */
  describes: boolean;
}

export interface ListenerOptions {
  /** The hub's id for each of the gateway's tags within an epoch. */
  knownTags(gateway: string, epoch: string): Promise<Map<number, number>>;
  onArrival(arrival: Arrival): void;
  onCommitted(run: HeardRun): void;
  log: Logger;
}

interface Heard {
  seq: number;
  samples: SampleColumns;
  occurrences: string[];
  events: AnyEvent[];
  describes: boolean;
}

interface HeardEpoch {
  tags: TagIds;
  lookedAt: number;
  newest: number;
  waiting: Heard[];
  turn: Promise<void>;
}

export class Listener {
  readonly #options: ListenerOptions;
  /** By gateway the epoch that it is in. */
  readonly #epochs = new Map<string, { name: string; epoch: HeardEpoch }>();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Never rejects: what cannot be read, the hub that takes it puts in quarantine. */
  async data(gateway: string, payload: Buffer): Promise<void> {
    try {
      const { epoch: name, seq, batch } = readEnvelope(payload);
      const epoch = this.#epoch(gateway, name);
      const taken = epoch.turn.then(() => this.#take(gateway, name, epoch, seq, readBatch(decompressBatch(batch))));
      // One that cannot be read ends its own turn, and not those of all that come after it.
      epoch.turn = taken.catch(() => undefined);
      await taken;
    } catch (error) {
      this.#options.log.debug({ gateway, error: messageOf(error) }, 'a record for another hub could not be read');
    }
  }

  /** What a gateway shows while a backlog is before it. */
  async live(gateway: string, payload: Buffer): Promise<void> {
    try {
      const { epoch: name, batch } = readEnvelope(payload);
      const epoch = this.#epoch(gateway, name);
      const read = readBatch(decompressBatch(batch));
      await this.#know(gateway, name, epoch, read);
      this.#show(previewOf(gateway, read, epoch.tags));
    } catch (error) {
      this.#options.log.debug({ gateway, error: messageOf(error) }, 'a preview for another hub could not be read');
    }
  }

  /** What the hub that takes the gateway's data has told it. */
  committed(gateway: string, { epoch: name, seq }: Committed): void {
    const known = this.#epochs.get(gateway);
    if (known?.name !== name) return;
    const { waiting } = known.epoch;
    const done = waiting.findIndex((heard) => heard.seq > seq);
    const records = waiting.splice(0, done < 0 ? waiting.length : done);
    if (records.length === 0) return;
    this.#options.onCommitted({
      gateway,
      samples: records.map(({ samples }) => samples),
      occurrences: records.flatMap(({ occurrences }) => occurrences),
      events: records.flatMap(({ events }) => events),
      describes: records.some(({ describes }) => describes),
    });
  }

  /** This hub takes the gateway's data itself from now on. */
  forget(gateways: readonly string[]): void {
    for (const gateway of gateways) this.#epochs.delete(gateway);
  }

  #epoch(gateway: string, name: string): HeardEpoch {
    const known = this.#epochs.get(gateway);
    if (known?.name === name) return known.epoch;
    const epoch = {
      tags: new TagIds(),
      lookedAt: Number.NEGATIVE_INFINITY,
      newest: 0,
      waiting: [],
      turn: Promise.resolve(),
    };
    this.#epochs.set(gateway, { name, epoch });
    return epoch;
  }

  async #take(gateway: string, name: string, epoch: HeardEpoch, seq: number, batch: Batch): Promise<void> {
    // Sent again, or older than what was shown.
    if (seq <= epoch.newest) return;
    epoch.newest = seq;
    await this.#know(gateway, name, epoch, batch);
    const arrival = previewOf(gateway, batch, epoch.tags);
    epoch.waiting.push({
      ...{ seq, samples: arrival.samples, describes: batch.catalog.length > 0, events: batch.events },
      occurrences: batch.alarms.map(({ occurrence }) => occurrence),
    });
    if (epoch.waiting.length > MOST_WAITING) epoch.waiting.shift();
    this.#show(arrival);
  }

  /** Numbers that are not known here: the other hub may have described them meanwhile. */
  async #know(gateway: string, name: string, epoch: HeardEpoch, batch: Batch): Promise<void> {
    if (!epoch.tags.column(batch.tags).includes(0)) return;
    if (performance.now() - epoch.lookedAt < LOOK_AGAIN_MS) return;
    epoch.lookedAt = performance.now();
    try {
      epoch.tags = new TagIds(await this.#options.knownTags(gateway, name));
    } catch (error) {
      // What is known already goes on being shown, and the rest is looked for again.
      this.#options.log.warn({ gateway, error: messageOf(error) }, 'the tags of a gateway could not be looked up');
    }
  }

  #show(arrival: Arrival): void {
    if (arrival.frames.length > 0) this.#options.onArrival(arrival);
  }
}
