/**
 * From a gateway's message to a committed answer: decode → place in the sequence → group commit (time series, then
 * alarms and watermark in one transaction) → answer. A crash between any two steps is healed by the gateway's
 * repeat, because each step passes over what it has done already. A message that cannot be read is kept in
 * quarantine, counted and answered; it never stops the stream.
 */

import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { Committed, Hello } from '@lineside/shared/contracts/link.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { ProgressMark } from '@lineside/shared/lifecycle/progress.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { Backoff } from '@lineside/shared/time/backoff.ts';
import { type Batch, NO_SAMPLES, readBatch } from '@lineside/shared/wire/batch-reader.ts';
import { decompressBatch, type Envelope, readEnvelope } from '@lineside/shared/wire/envelope.ts';
import type { SampleColumns, TimeSeriesStore } from '../store/timeseries/time-series.ts';
import { type Accepted, type Run, runsOf } from './accepted.ts';
import { GroupSize } from './group-size.ts';
import type { CommittedRun, IngestLedger } from './ledger.ts';
import { presentOf } from './present.ts';
import { previewOf } from './preview.ts';
import { Sequence } from './sequence.ts';
import { TagIds } from './tag-ids.ts';
import { epochKey, WaitingRecords } from './waiting-records.ts';

/**
 * Accepted records wait at most so long for company before they are committed together. Milliseconds. Most of what
 * a commit costs, two syncs among it, does not depend on its size; nothing but the answer waits meanwhile.
 */
const GROUP_MS = 500;
/** So many of one epoch do not wait for the clock: half of a gateway's window, which is closed until they are answered. */
const EPOCH_RECORDS = 32;
/** So many samples of whomever are company enough: they take several times what a commit costs besides. */
const ENOUGH_SAMPLES = 20_000;
/** Most samples that may wait. Beyond, who has a record waiting is held back; all others are let in, and hear soon. */
const MAX_WAITING_SAMPLES = 1_000_000;

/** What a record means to those who show the present: samples with the hub's tags, in order. */
export interface Arrival {
  gateway: string;
  samples: SampleColumns;
  frames: { device: string; receivedAt: number }[];
}

export interface IngestOptions {
  timeSeries: TimeSeriesStore;
  ledger: IngestLedger;
  answer(gateway: string, committed: Committed): void;
  /** Called when a record is accepted, before it is committed: the present should not wait for the disk. */
  onArrival(arrival: Arrival): void;
  /** A gateway has described tags; `ids` gives the hub's id for each of its own. */
  onTags(gateway: string, tags: TagInfo[], ids: Map<number, number>): void;
  /** Called after a commit, with the samples that are now in the store and the alarm occurrences that changed. */
  onCommitted(run: CommittedRun, samples: SampleColumns[], changedAlarms: string[]): void;
  onQuarantine(gateway: string): void;
  /**
   * Where several hubs share the stores: the term in which this one takes a gateway's data, undefined while another
   * one does. What is accepted in one term is never committed in another.
   */
  termOf?(gateway: string): number | undefined;
  /** Runs each commit of a group, for those who time it. */
  aroundCommit?<T>(size: { records: number; samples: number }, commit: () => Promise<T>): Promise<T>;
  log: Logger;
  progress?: ProgressMark;
}

interface Epoch {
  gateway: string;
  epoch: string;
  term: number;
  sequence: Sequence;
  /** Read from the store at first use. */
  tags: TagIds;
  /** When the gateway received the newest frame that came from it; null before the first one since the start. */
  receivedAt: number | null;
  /** Messages of one epoch are taken one after the other, also across awaits. */
  turn: Promise<void>;
}

export interface IngestCounts {
  recordsAccepted: number;
  samplesAccepted: number;
  duplicates: number;
  holes: number;
  quarantined: number;
  /** Why nothing can be committed; empty while all is well. */
  fault: string;
}

const { sourceAt: at, ...others } = NO_SAMPLES;
const EMPTY: SampleColumns = { at, ...others };

export class Ingest {
  readonly #options: IngestOptions;
  readonly #epochs = new Map<string, Promise<Epoch>>();
  readonly #watermarks = new Map<string, number>();
  readonly #backoff = new Backoff(250, 10_000);
  readonly #waiting = new WaitingRecords<Accepted>();
  readonly #groupSize = new GroupSize();
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  #stopped = false;
  /** Of a group whose commit only waits for the store: what is behind it is taken meanwhile. */
  #handedOver = 0;
  #room: (() => void)[] = [];
  readonly counts: IngestCounts = {
    recordsAccepted: 0,
    samplesAccepted: 0,
    duplicates: 0,
    holes: 0,
    quarantined: 0,
    fault: '',
  };

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /** Taken and not committed yet. */
  get waitingSamples(): number {
    return this.#waiting.samples;
  }

  get #full(): boolean {
    return this.#waiting.samples - this.#handedOver >= MAX_WAITING_SAMPLES;
  }

  async start(): Promise<void> {
    for (const { gateway, epoch, seq } of await this.#options.ledger.watermarks()) {
      this.#watermarks.set(epochKey(gateway, epoch), seq);
    }
    this.#options.progress?.pause();
  }

  /** Commits what was accepted, and takes nothing more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const go of this.#room.splice(0)) go();
    await this.#committing;
    do await this.#commitGroup();
    while (!this.#waiting.empty && this.counts.fault === '');
  }

  /** This hub takes the data of these gateways from now on; another one may have done so until now. */
  async begin(gateways: string[]): Promise<void> {
    this.#forget(gateways);
    for (const gateway of gateways) this.#options.timeSeries.forget(gateway);
    const newest = new Map<string, { gateway: string; epoch: string; seq: number; updated_at?: number }>();
    for (const mark of await this.#options.ledger.watermarks(gateways)) {
      this.#watermarks.set(epochKey(mark.gateway, mark.epoch), mark.seq);
      const known = newest.get(mark.gateway);
      if ((mark.updated_at ?? 0) >= (known?.updated_at ?? 0)) newest.set(mark.gateway, mark);
    }
    // What was on its way to the one before, this one has not got.
    for (const { gateway, epoch, seq } of newest.values()) {
      this.#options.answer(gateway, { epoch, seq, resend: true });
    }
  }

  /**
   * Another hub is going to take, or takes already, the data of these gateways.
   *
   * @param mayCommit whether what was accepted can still be committed here; without it, it is dropped, as the gateways
   *   have it still
   */
  async end(gateways: string[], mayCommit: boolean): Promise<void> {
    const leaving = new Set(gateways);
    await this.#committing;
    while (mayCommit && this.counts.fault === '' && this.#waiting.has(leaving)) {
      await this.#commitNow();
    }
    this.#waiting.removeGateways(leaving);
    this.#forget(gateways);
    this.#letIn();
  }

  #forget(gateways: string[]): void {
    const those = new Set(gateways);
    for (const map of [this.#epochs, this.#watermarks]) {
      for (const key of map.keys()) if (those.has(key.slice(0, key.lastIndexOf(' ')))) map.delete(key);
    }
  }

  /** Tells a gateway that has just connected where its epoch stands. */
  async hello(gateway: string, hello: Hello): Promise<void> {
    const { epoch, sequence } = await this.#epoch(gateway, hello.epoch);
    this.#options.answer(gateway, { epoch, seq: sequence.committed, resend: false });
  }

  /** Takes a data message. Resolves when the next one may come; never rejects for what a gateway sent. */
  async data(gateway: string, payload: Buffer): Promise<void> {
    const { termOf } = this.#options;
    if (this.#stopped || (termOf && termOf(gateway) === undefined)) return;
    let envelope: Envelope;
    try {
      envelope = readEnvelope(payload);
    } catch (error) {
      await this.quarantine(gateway, messageOf(error), payload);
      return;
    }
    const epoch = await this.#epoch(gateway, envelope.epoch);
    epoch.turn = epoch.turn.then(async () => {
      if (await this.#admits(epoch, envelope)) await this.#take(epoch, envelope, payload);
    });
    return epoch.turn;
  }

  /** Waits for room, which a repeat and the first of a gateway need not. @returns false when the hub stops */
  async #admits({ gateway, epoch, sequence }: Epoch, { seq, prev }: Envelope): Promise<boolean> {
    while (
      !this.#stopped &&
      this.#full &&
      this.#waiting.hasEpoch(gateway, epoch) &&
      sequence.judge(seq, prev).kind === 'accept'
    ) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
    return !this.#stopped;
  }

  /**
   * Takes what a gateway shows while a backlog is before it: for the present alone, for it comes again to be stored.
   * Tags that are only described in the backlog are left out.
   */
  async live(gateway: string, payload: Buffer): Promise<void> {
    if (this.#stopped) return;
    try {
      const envelope = readEnvelope(payload);
      const { tags, sequence } = await this.#epoch(gateway, envelope.epoch);
      if (envelope.seq <= sequence.accepted) return;
      const arrival = previewOf(gateway, readBatch(decompressBatch(envelope.batch)), tags);
      if (arrival.samples.tags.length > 0) this.#tell(() => this.#options.onArrival(arrival));
    } catch (error) {
      if (error instanceof LinesideError && error.blame === 'peer') {
        await this.quarantine(gateway, messageOf(error), payload);
      } else this.#options.log.warn({ gateway, error: messageOf(error) }, 'what a gateway showed was not taken');
    }
  }

  async #take(epoch: Epoch, envelope: Envelope, payload: Buffer): Promise<void> {
    const { sequence, gateway } = epoch;
    // Its turn may have come after the gateway went to another hub, or came back from one.
    if (epoch.term !== (this.#options.termOf?.(gateway) ?? 0)) return;
    const verdict = sequence.judge(envelope.seq, envelope.prev);
    if (verdict.kind === 'duplicate') {
      this.counts.duplicates++;
      if (envelope.seq <= sequence.committed) this.#answer(epoch, false);
      return;
    }
    if (verdict.kind === 'hole') {
      this.counts.holes++;
      this.#answer(epoch, true);
      return;
    }
    const record: Accepted = {
      id: { gateway, epoch: epoch.epoch, seq: envelope.seq },
      term: epoch.term,
      samples: EMPTY,
      alarms: [],
      events: [],
      gap: verdict.gap && { ...verdict.gap, fromAt: epoch.receivedAt, toAt: null },
    };
    let frames: Batch['frames'] = [];
    try {
      const batch = readBatch(decompressBatch(envelope.batch));
      if (batch.catalog.length > 0) {
        const described = await this.#options.ledger.describeTags(gateway, epoch.epoch, batch.catalog);
        epoch.tags.add(described);
        this.#options.onTags(gateway, batch.catalog, described);
      }
      translate(batch, epoch.tags, record);
      frames = batch.frames;
      if (record.gap) record.gap.toAt = frames[0]?.receivedAt ?? null;
      epoch.receivedAt = frames.at(-1)?.receivedAt ?? epoch.receivedAt;
    } catch (error) {
      // Not the gateway's fault, and not the end of its data: nothing is accepted, it will come again.
      if (!(error instanceof LinesideError) || error.blame !== 'peer') {
        this.counts.fault = messageOf(error);
        this.#options.log.error(
          { gateway, seq: envelope.seq, error: messageOf(error) },
          'record not taken; it will come again',
        );
        return;
      }
      record.samples = EMPTY;
      record.alarms = [];
      record.events = [];
      await this.quarantine(gateway, `record ${envelope.seq}: ${messageOf(error)}`, payload);
    }
    sequence.accepted = envelope.seq;
    this.counts.recordsAccepted++;
    this.counts.samplesAccepted += record.samples.tags.length;
    const ofEpoch = this.#waiting.push(record);
    this.#schedule(ofEpoch);
    const arrival = presentOf(gateway, record.samples, frames);
    if (arrival.samples.tags.length > 0) this.#tell(() => this.#options.onArrival(arrival));
  }

  /** Those who show the present are told; when they fail, the data flows on all the same. */
  #tell(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#options.log.error({ err: error }, 'the present could not be shown');
    }
  }

  /** Sees to it that what waits gets committed: at once when it is urgent, later after a failure. */
  #schedule(ofEpoch = 0): void {
    if (this.#committing || this.#stopped || this.#waiting.empty) return;
    const failing = this.counts.fault !== '';
    const urgent = !failing && (ofEpoch >= EPOCH_RECORDS || this.#enough);
    if (this.#timer && !urgent) return;
    clearTimeout(this.#timer);
    this.#options.progress?.resume();
    const afterMs = urgent ? 0 : failing ? this.#backoff.next() : GROUP_MS;
    this.#timer = setTimeout(() => void this.#commitNow(), afterMs);
  }

  #commitNow(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#committing = this.#commitGroup().finally(() => {
      this.#committing = undefined;
      if (this.#waiting.empty) this.#options.progress?.pause();
      else this.#schedule();
    });
    return this.#committing;
  }

  /** Somebody waits for an alarm or an event; and what a commit costs is spread over enough samples. */
  get #enough(): boolean {
    return this.#waiting.urgent || this.#waiting.samples >= ENOUGH_SAMPLES;
  }

  async #commitGroup(): Promise<void> {
    const group = this.#waiting.group(this.#groupSize.samples);
    if (group.length === 0) return;
    const samples = group.reduce((sum, record) => sum + record.samples.tags.length, 0);
    const begun = performance.now();
    try {
      const { aroundCommit = (_size, commit) => commit() } = this.#options;
      await aroundCommit({ records: group.length, samples }, async () => {
        await this.#options.timeSeries.append(
          group.map(({ id, samples: columns }) => ({ id, samples: columns })),
          () => {
            this.#handedOver = samples;
            this.#letIn();
          },
        );
        await this.#commitRuns(runsOf(group));
      });
      this.#groupSize.committed(samples, performance.now() - begun);
      if (this.counts.fault !== '') this.#options.log.info('commits again');
      this.counts.fault = '';
      this.#backoff.reset();
    } catch (error) {
      if (this.counts.fault === '') {
        this.#options.log.error(
          { error: messageOf(error) },
          'cannot commit; gateways keep their data and it is tried again',
        );
      }
      this.counts.fault = messageOf(error);
      // The attempt has come to its end. What hangs is to be killed, and not what a server keeps from its work.
      this.#options.progress?.beat();
    } finally {
      this.#handedOver = 0;
      this.#letIn();
    }
  }

  /** Together; when that fails, one by one, so that one that cannot be committed holds up no others. */
  async #commitRuns(runs: Run[]): Promise<void> {
    let results: Awaited<ReturnType<IngestLedger['commit']>>;
    try {
      results = await this.#options.ledger.commit(runs.map(({ run }) => run));
    } catch (error) {
      if (runs.length === 1) throw error;
      const failures: unknown[] = [];
      for (const one of runs) await this.#commitRuns([one]).catch((reason) => failures.push(reason));
      if (failures.length > 0) throw failures[0];
      return;
    }
    // What is committed is not tried again, and what is another hub's by now is not ours to try.
    this.#waiting.remove(runs.flatMap(({ records }) => records));
    for (const [i, { run, records }] of runs.entries()) {
      const { changed, lost } = results[i]!;
      if (lost) this.#options.log.warn({ gateway: run.gateway }, 'another hub takes this gateway’s data now');
      else await this.#committed({ run, records }, changed);
    }
  }

  #letIn(): void {
    if (!this.#full) for (const go of this.#room.splice(0)) go();
  }

  async #committed({ run, records }: Run, changedAlarms: string[]): Promise<void> {
    this.#options.progress?.beat();
    const epoch = await this.#epochs.get(epochKey(run.gateway, run.epoch));
    if (epoch?.term === run.term) epoch.sequence.committed = run.seq;
    this.#tell(() => {
      if (epoch?.term === run.term) this.#answer(epoch, false);
      this.#options.onCommitted(
        run,
        records.map(({ samples }) => samples),
        changedAlarms,
      );
    });
  }

  #answer({ gateway, epoch, sequence }: Epoch, resend: boolean): void {
    this.#options.answer(gateway, { epoch, seq: sequence.committed, resend });
  }

  /** Keeps and counts a message that cannot be understood. Never rejects. */
  async quarantine(gateway: string, reason: string, message: Buffer): Promise<void> {
    this.counts.quarantined++;
    this.#options.log.warn({ gateway, reason, bytes: message.length }, 'message quarantined');
    this.#options.onQuarantine(gateway);
    try {
      await this.#options.ledger.quarantine(gateway, reason, message);
    } catch (error) {
      this.#options.log.error({ gateway, error: messageOf(error) }, 'quarantined message could not be kept');
    }
  }

  #epoch(gateway: string, epoch: string): Promise<Epoch> {
    const key = epochKey(gateway, epoch);
    let known = this.#epochs.get(key);
    if (!known) {
      known = this.#options.ledger.knownTags(gateway, epoch).then((known) => {
        const tags = new TagIds(known);
        const sequence = new Sequence(this.#watermarks.get(key) ?? 0);
        const term = this.#options.termOf?.(gateway) ?? 0;
        return { gateway, epoch, term, sequence, tags, receivedAt: null, turn: Promise.resolve() };
      });
      // A store that could not be read now may be readable at the next message.
      known.catch(() => this.#epochs.delete(key));
      this.#epochs.set(key, known);
    }
    return known;
  }
}

/** Puts the batch into the record with the hub's tag ids. @throws LinesideError TAG_UNKNOWN. */
function translate(batch: Batch, ids: TagIds, record: Accepted): void {
  const tags = ids.column(batch.tags);
  const unknown = tags.indexOf(0);
  if (unknown >= 0) {
    throw new LinesideError('TAG_UNKNOWN', 'peer', `tag ${batch.tags[unknown]} is not in the gateway's catalogue`);
  }
  record.samples = { tags, at: batch.sourceAt, values: batch.values, quality: batch.quality };
  record.alarms = batch.alarms.map((event) => ({ ...event, tag: ids.of(event.tag) }));
  record.events = batch.events;
}
