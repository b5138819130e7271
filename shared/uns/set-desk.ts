/**
 * Setting tags by MQTT: reads what is asked, has it carried out, and answers. What a broker kept from earlier is never
 * carried out: nobody may stand at the machine any more who wanted it.
 */
import { randomUUID } from 'node:crypto';
import { Value } from 'typebox/value';
import { UnsSet, type UnsSetResult } from '../contracts/uns.ts';
import type { WriteOutcome } from '../contracts/write.ts';
import { messageOf } from '../errors/lineside-error.ts';
import type { Logger } from '../log/logger.ts';
import { resultOf } from './topics.ts';

/** So many sets with an id are remembered, so that one that is delivered twice is carried out once. */
const MOST_REMEMBERED = 1_000;

/** Sets of one account that may be under way: the device, not the network, says how fast it can be set. */
const MOST_OPEN = 20;

export const RETAINED = 'it is retained: only what is said now is carried out; publish it without retain';

/** What a client has published. */
export interface SetMessage {
  topic: string;
  payload: Buffer;
  /** Who wants it. */
  by: string;
  /** From which address of the network, where that is known. */
  from?: string;
  /** Why it is not to be carried out; empty when it is. */
  refusal: string;
}

/** Carries out one set; `id` is unique among all accounts. A rejection is answered with its message. */
export type CarryOut = (set: Required<UnsSet>, by: string, from: string) => Promise<Omit<WriteOutcome, 'id'>>;

export interface SetDeskOptions {
  /** How the tag that goes by this topic is set; undefined when there is none. */
  find(topic: string): CarryOut | undefined;
  /** Publishes an answer, which is not retained. */
  answer(topic: string, payload: string): void;
  /** One was not even asked of the device; `reason` is one of few words, whatever the message says. */
  onRefused?(message: SetMessage, reason: string): void;
  now(): number;
  log: Logger;
}

export class SetDesk {
  readonly #options: SetDeskOptions;
  readonly #open = new Map<string, number>();
  readonly #remembered = new Map<string, Promise<UnsSetResult>>();

  constructor(options: SetDeskOptions) {
    this.#options = options;
  }

  /** Carries it out, or not, and answers. Never rejects. */
  async take(message: SetMessage): Promise<void> {
    const { topic, payload, by, from = '', refusal } = message;
    const read = readSet(payload);
    const id = 'problem' in read ? '' : (read.id ?? randomUUID());
    const key = `${by}/${id}`;
    const known = id === '' ? undefined : this.#remembered.get(key);
    if (known) {
      this.#answer(topic, await known);
      return;
    }
    const carryOut = this.#options.find(topic);
    if (refusal !== '') this.#refuse(message, id, refusal);
    else if ('problem' in read) this.#refuse(message, id, read.problem);
    else if (!carryOut) this.#refuse(message, id, 'there is no tag with this topic');
    else if ((this.#open.get(by) ?? 0) >= MOST_OPEN) {
      this.#refuse(message, id, `${MOST_OPEN} sets of ${by} are under way; wait for their answers`);
    } else {
      const set = { value: read.value, comment: read.comment ?? '', id: key };
      const result = this.#result(id, by, () => carryOut(set, by, from));
      this.#remember(key, result);
      this.#answer(topic, await result);
    }
  }

  async #result(id: string, by: string, carryOut: () => ReturnType<CarryOut>): Promise<UnsSetResult> {
    this.#open.set(by, (this.#open.get(by) ?? 0) + 1);
    try {
      const { ok, old, new: now, at, error } = await carryOut();
      return { timestamp_ms: Math.round(at), id, ok, old, new: now, error };
    } catch (error) {
      return this.#failure(id, messageOf(error));
    } finally {
      this.#closed(by);
    }
  }

  #remember(key: string, result: Promise<UnsSetResult>): void {
    this.#remembered.set(key, result);
    if (this.#remembered.size <= MOST_REMEMBERED) return;
    const [oldest] = this.#remembered.keys();
    this.#remembered.delete(oldest!);
  }

  #closed(by: string): void {
    const left = (this.#open.get(by) ?? 1) - 1;
    if (left === 0) this.#open.delete(by);
    else this.#open.set(by, left);
  }

  #refuse(message: SetMessage, id: string, error: string): void {
    const { topic, by } = message;
    this.#options.onRefused?.(message, error);
    this.#options.log.warn({ topic, by, error }, 'set refused');
    this.#answer(topic, this.#failure(id, error));
  }

  #failure(id: string, error: string): UnsSetResult {
    return { timestamp_ms: Math.round(this.#options.now()), id, ok: false, old: null, new: null, error };
  }

  #answer(topic: string, result: UnsSetResult): void {
    this.#options.answer(resultOf(topic), JSON.stringify(result));
  }
}

/** `{"value": …}` or a bare value. */
export function readSet(payload: Buffer): UnsSet | { problem: string } {
  let given: unknown;
  try {
    given = JSON.parse(payload.toString('utf8'));
  } catch {
    return { problem: 'this is no JSON; write {"value": 12.5}, or the value alone; texts in quotes' };
  }
  const set = typeof given === 'object' && given !== null ? given : { value: given };
  if (Value.Check(UnsSet, set)) return set;
  return { problem: 'this does not fit; write {"value": 12.5}, with id and comment as texts if you like' };
}
