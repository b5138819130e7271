/**
 * Setting tags by MQTT: finds the tag that a topic means, asks the one way that every write takes, and answers. What
 * a broker kept from earlier is never carried out: nobody may stand at the machine any more who wanted it.
 */
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import { UnsSet, type UnsSetResult } from '@lineside/shared/contracts/uns.ts';
import type { WriteOutcome, WriteRequest } from '@lineside/shared/contracts/write.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { resultOf } from '@lineside/shared/uns/topics.ts';
import { Value } from 'typebox/value';
import type { PlacedDevice, UnsLayout } from './layout.ts';

/** Writes of one account that may be under way: the device, not the network, says how fast it can be set. */
const MOST_OPEN = 20;

export interface UnsWritesOptions {
  layout: UnsLayout;
  write(request: WriteRequest): Promise<WriteOutcome>;
  /** Publishes an answer, which is not retained. */
  answer(topic: string, payload: string): void;
  newId(): string;
  now(): number;
  log: Logger;
}

export interface UnsSetRequest {
  topic: string;
  payload: Buffer;
  /** Who wants it. */
  by: string;
  /** Empty when it may; else why not. */
  refusal: string;
}

interface Meant {
  device: string;
  tag: string;
}

export class UnsWrites {
  readonly #options: UnsWritesOptions;
  #tags = new Map<string, Meant>();
  #writable: string[] = [];
  readonly #open = new Map<string, number>();

  constructor(options: UnsWritesOptions) {
    this.#options = options;
  }

  /** Topics of the tags that may be set. */
  get writable(): string[] {
    return this.#writable;
  }

  describe(devices: (PlacedDevice & { writable: Set<string> })[], tags: TagInfo[]): void {
    const byId = new Map(devices.map((device) => [device.id, device]));
    const found = tags.flatMap((tag) => {
      const device = byId.get(tag.device);
      if (!device || tag.name.startsWith('$')) return [];
      const { set } = this.#options.layout.tagOf(device, tag.name);
      return [{ set, meant: { device: tag.device, tag: tag.name }, writable: device.writable.has(tag.name) }];
    });
    this.#tags = new Map(found.map(({ set, meant }) => [set, meant]));
    this.#writable = found.filter(({ writable }) => writable).map(({ set }) => set);
  }

  /** Carries it out, or not, and answers. Never rejects. */
  async take({ topic, payload, by, refusal }: UnsSetRequest): Promise<void> {
    const read = readSet(payload);
    const id = ('set' in read && read.set.id) || this.#options.newId();
    const meant = this.#tags.get(topic);
    if (refusal !== '') this.#refuse(topic, by, 'set' in read ? id : '', refusal);
    else if (!('set' in read)) this.#refuse(topic, by, '', read.problem);
    else if (!meant) this.#refuse(topic, by, id, 'there is no tag with this topic');
    else if ((this.#open.get(by) ?? 0) >= MOST_OPEN) {
      this.#refuse(topic, by, id, `${MOST_OPEN} writes of ${by} are under way; wait for their answers`);
    } else {
      const { value, comment = '' } = read.set;
      this.#open.set(by, (this.#open.get(by) ?? 0) + 1);
      const {
        ok,
        old,
        new: now,
        at,
        error,
      } = await this.#options
        .write({ id, ...meant, value, by, via: 'mqtt', comment })
        .finally(() => this.#closed(by));
      this.#answer(topic, { timestamp_ms: Math.round(at), id, ok, old, new: now, error });
    }
  }

  #closed(by: string): void {
    const left = (this.#open.get(by) ?? 1) - 1;
    if (left === 0) this.#open.delete(by);
    else this.#open.set(by, left);
  }

  #refuse(topic: string, by: string, id: string, error: string): void {
    this.#options.log.warn({ topic, by, error }, 'set refused');
    const timestamp_ms = Math.round(this.#options.now());
    this.#answer(topic, { timestamp_ms, id, ok: false, old: null, new: null, error });
  }

  #answer(topic: string, result: UnsSetResult): void {
    this.#options.answer(resultOf(topic), JSON.stringify(result));
  }
}

/** `{"value": …}` or a bare value. */
function readSet(payload: Buffer): { set: UnsSet } | { problem: string } {
  let given: unknown;
  try {
    given = JSON.parse(payload.toString('utf8'));
  } catch {
    return { problem: 'this is no JSON; write {"value": 12.5}, or the value alone; texts in quotes' };
  }
  const set = typeof given === 'object' && given !== null ? given : { value: given };
  if (Value.Check(UnsSet, set)) return { set };
  return { problem: 'this does not fit; write {"value": 12.5}, with id and comment as texts if you like' };
}
