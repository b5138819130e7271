/**
 * The one way from whoever may ask (the hub, the local broker, Sparkplug) to a device's registers: find the tag, ask
 * its rules, write it through the driver, and write down what became of it. Every attempt leaves a record in the
 * buffer, a refused one too.
 */
import { randomUUID } from 'node:crypto';
import type { GatewayEvent } from '@lineside/shared/contracts/event.ts';
import type { Value } from '@lineside/shared/contracts/frame.ts';
import type { WriteOutcome, WriteRequest } from '@lineside/shared/contracts/write.ts';
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { DeviceEntry } from './config/load-config.ts';
import type { TagId } from './device-set.ts';
import type { Driver } from './drivers/driver.ts';
import type { Conditioner } from './tags/conditioner.ts';
import { WriteRules } from './tags/write-rules.ts';

/** Writes that may be under way or wait, all devices together. */
const MOST_OPEN = 200;

/** So many attempts are remembered, so that one that is delivered twice is carried out once. */
const MOST_REMEMBERED = 1_000;

/** Whoever asked waits at most so long for the record of it to be on disk. Milliseconds. */
const DISK_MS = 1_000;

/** Longest texts that are taken and kept, characters. */
const MOST_TEXT = 1_000;
const MOST_NAME = 200;

export interface TagWriterOptions {
  conditioner: Pick<Conditioner, 'raw' | 'reader'>;
  /** The driver of a device; undefined when there is no such device. */
  driver(device: string): Driver | undefined;
  buffer: { addEvent(event: GatewayEvent): void; flush(): Promise<void> };
  log: Logger;
  now(): number;
}

type Result = Omit<WriteOutcome, 'id' | 'at'>;

const refused = (error: string): Result => ({ ok: false, old: null, new: null, error });

/** What JSON cannot say would make the whole batch unreadable for the hub. */
const finite = (value: Value): Value => (typeof value === 'number' && !Number.isFinite(value) ? null : value);

export class TagWriter {
  readonly #options: TagWriterOptions;
  readonly #rules = new WriteRules();
  /** Numbers of the tags of each device by name. */
  readonly #tags = new Map<string, Map<string, number>>();
  /** The last write of each device that has one under way. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #remembered = new Map<string, Promise<WriteOutcome>>();
  readonly #open = new Set<Promise<WriteOutcome>>();
  #stopped = false;

  constructor(options: TagWriterOptions) {
    this.#options = options;
  }

  /** To be called before a device starts. */
  addDevice({ id, tags }: DeviceEntry, tagId: TagId): void {
    const ids = new Map<string, number>();
    for (const tag of tags) {
      const number = tagId(id, tag.name)!;
      ids.set(tag.name, number);
      this.#rules.add(number, tag);
    }
    this.#tags.set(id, ids);
  }

  /** To be called when a device has stopped for good. */
  removeDevice(device: string): void {
    for (const tag of this.#tags.get(device)?.values() ?? []) this.#rules.remove(tag);
    this.#tags.delete(device);
  }

  /**
   * Writes one value and tells what became of it; its record is on disk by then, unless the disk does not take it.
   * Never rejects. Writes to one device go one after the other. An id that came before by the same way is not
   * carried out again: it gets the same outcome.
   *
   * @param notAfter when it must not be carried out any more, on the clock of `performance.now()`
   */
  write(request: WriteRequest, notAfter = Number.POSITIVE_INFINITY): Promise<WriteOutcome> {
    const asked: WriteRequest = {
      ...request,
      id: request.id.slice(0, 100) || randomUUID(),
      by: request.by.slice(0, MOST_NAME),
      comment: request.comment.slice(0, MOST_TEXT),
    };
    const key = `${asked.via} ${asked.id}`;
    const known = this.#remembered.get(key);
    if (known) return known;
    const outcome = this.#attempt(asked, notAfter);
    this.#remembered.set(key, outcome);
    if (this.#remembered.size > MOST_REMEMBERED) {
      for (const oldest of this.#remembered.keys()) {
        this.#remembered.delete(oldest);
        break;
      }
    }
    return outcome;
  }

  /** Takes nothing more, and resolves when what is under way has been written down. The drivers have to end it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#open);
  }

  async #attempt(request: WriteRequest, notAfter: number): Promise<WriteOutcome> {
    const refusal = this.#stopped
      ? 'the gateway is stopping'
      : this.#open.size >= MOST_OPEN
        ? `${MOST_OPEN} writes wait already; write less often`
        : this.#refusal(request, notAfter);
    if (refusal !== null) return this.#record(request, refused(refusal));
    const carriedOut = this.#inTurn(request.device, () => this.#carryOut(request, notAfter)).then(async (result) => {
      const outcome = this.#record(request, result);
      await this.#onDisk();
      return outcome;
    });
    this.#open.add(carriedOut);
    return carriedOut.finally(() => this.#open.delete(carriedOut));
  }

  #inTurn<T>(device: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(device) ?? Promise.resolve()).then(work);
    this.#turns.set(device, result);
    return result.finally(() => {
      if (this.#turns.get(device) === result) this.#turns.delete(device);
    });
  }

  /** Why it is not to be written, for whoever asked; null when it is. */
  #refusal({ device, tag, value }: WriteRequest, notAfter: number): string | null {
    const ids = this.#tags.get(device);
    if (!ids) return `this gateway has no device "${device.slice(0, MOST_NAME)}"`;
    const id = ids.get(tag);
    if (id === undefined) return `device "${device}" has no tag "${tag.slice(0, MOST_NAME)}"`;
    if (performance.now() > notAfter) return 'it came too late: nothing was written, ask again';
    if (typeof value === 'string' && value.length > MOST_TEXT)
      return `the text has more than ${MOST_TEXT} characters`;
    const refusal = this.#rules.refusal(id, value);
    if (refusal !== null) return refusal;
    if (this.#options.conditioner.raw(id, value) !== undefined) return null;
    return `${JSON.stringify(value)} is none of the values that ${tag} knows`;
  }

  /** Looks again at what may have changed while it waited: the configuration, and the time. */
  async #carryOut(request: WriteRequest, notAfter: number): Promise<Result> {
    const { conditioner } = this.#options;
    const refusal = this.#refusal(request, notAfter);
    if (refusal !== null) return refused(refusal);
    const id = this.#tags.get(request.device)!.get(request.tag)!;
    const driver = this.#options.driver(request.device);
    if (!driver) return refused(`device "${request.device}" is being changed; ask again`);
    if (!driver.write) return refused(`the driver of device "${request.device}" cannot write`);
    // When the answer comes, the device may have been taken out of the configuration.
    const read = conditioner.reader(id);
    try {
      const { ok, old, new: now, error } = await driver.write(id, conditioner.raw(id, request.value)!);
      return { ok, old: finite(read(old)), new: finite(read(now)), error };
    } catch (error) {
      return refused(`it is not known whether it was written: ${messageOf(error)}`);
    }
  }

  #record(request: WriteRequest, { ok, old, new: now, error }: Result): WriteOutcome {
    const { id, device, tag, value, by, via, comment } = request;
    const at = this.#options.now();
    const requested = finite(value) ?? String(value);
    this.#options.buffer.addEvent({
      ...{ kind: 'write', at, id, by, via, comment, old, new: now, ok, error },
      device: device.slice(0, MOST_NAME),
      tag: tag.slice(0, MOST_NAME),
      requested: typeof requested === 'string' ? requested.slice(0, MOST_TEXT) : requested,
    });
    const words = `${device.slice(0, MOST_NAME)}/${tag.slice(0, MOST_NAME)}`;
    const fields = { id, by, via, requested, old, new: now };
    if (ok) this.#options.log.info(fields, `${words} written`);
    else this.#options.log.warn({ ...fields, error }, `${words} not written`);
    return { id, ok, old, new: now, at, error };
  }

  /** The buffer itself tells of a disk that does not write; whoever asked is answered all the same. */
  async #onDisk(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DISK_MS);
    });
    await Promise.race([this.#options.buffer.flush().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}
