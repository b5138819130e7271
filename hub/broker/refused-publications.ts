/**
 * What clients of the broker publish and may not, in the audit log. Nothing bounds how often somebody tries, and the log
 * is never made shorter: so of each account and reason the first try is a line at once, and what follows it is one line a
 * minute, with how often, since when and of what.
 */
import type { AuditOutcome } from '@lineside/shared/contracts/accounts.ts';
import { readSet } from '@lineside/shared/uns/set-desk.ts';
import type { Actor, AuditNote } from '../store/postgres/audit.ts';

/** Milliseconds. */
const EVERY_MS = 60_000;
/** Different topics and addresses that a line names. */
const MOST_NAMED = 10;
/** Of what is no set that can be read. Characters. */
const MOST_SHOWN = 200;

export interface RefusedPublication {
  kind: 'gateway' | 'account';
  /** The name by which it came in. */
  name: string;
  /** Of the network. */
  address: string;
  topic: string;
  payload: Buffer;
  /** One of few, whatever was published: it is counted by this. */
  reason: string;
  /** `refused` for want of a right. */
  outcome: Extract<AuditOutcome, 'refused' | 'failed'>;
}

export interface RefusedPublicationsOptions {
  /** Never rejects. */
  note(note: AuditNote): Promise<void>;
  /** The tag that is set by this topic, as the audit log names it; the topic itself when there is none; undefined when it sets nothing. */
  tagOfSet(topic: string): string | undefined;
  now(): number;
  /** Milliseconds; for tests. */
  everyMs?: number;
}

/** Those of one account and reason since the last line about them. */
interface Tally {
  times: number;
  sinceAt: number;
  last: RefusedPublication;
  topics: Set<string>;
  addresses: Set<string>;
  timer: NodeJS.Timeout;
}

export class RefusedPublications {
  readonly #options: RefusedPublicationsOptions;
  /** No more than accounts have reasons: nobody comes here who was not let in. */
  readonly #tallies = new Map<string, Tally>();
  readonly #noting = new Set<Promise<void>>();

  constructor(options: RefusedPublicationsOptions) {
    this.#options = options;
  }

  take(refused: RefusedPublication): void {
    const { kind, name, reason, topic, address } = refused;
    const key = JSON.stringify([kind, name, reason]);
    const tally = this.#tallies.get(key);
    if (!tally) {
      this.#note(refused, {});
      this.#tallies.set(key, this.#begin(key, refused));
      return;
    }
    if (tally.times === 0) tally.sinceAt = this.#options.now();
    tally.times++;
    tally.last = refused;
    if (tally.topics.size < MOST_NAMED) tally.topics.add(topic);
    if (tally.addresses.size < MOST_NAMED) tally.addresses.add(address);
  }

  /** Writes what is counted. Idempotent. */
  async stop(): Promise<void> {
    for (const tally of this.#tallies.values()) {
      clearTimeout(tally.timer);
      if (tally.times > 0) this.#noteCounted(tally);
    }
    this.#tallies.clear();
    await Promise.all(this.#noting);
  }

  #begin(key: string, last: RefusedPublication): Tally {
    const timer = setTimeout(() => this.#look(key), this.#options.everyMs ?? EVERY_MS).unref();
    return { times: 0, sinceAt: 0, last, topics: new Set(), addresses: new Set(), timer };
  }

  #look(key: string): void {
    const tally = this.#tallies.get(key)!;
    this.#tallies.delete(key);
    if (tally.times === 0) return;
    this.#noteCounted(tally);
    this.#tallies.set(key, this.#begin(key, tally.last));
  }

  #noteCounted({ times, sinceAt, last, topics, addresses }: Tally): void {
    const several = { ...(topics.size > 1 && { topics: [...topics] }) };
    const from = { ...(addresses.size > 1 && { addresses: [...addresses] }) };
    this.#note(last, { times, sinceAt, ...several, ...from });
  }

  #note({ kind, name, address, topic, payload, reason, outcome }: RefusedPublication, counted: object): void {
    const { note, tagOfSet, now } = this.#options;
    const tag = tagOfSet(topic);
    const actor: Actor = { name: kind === 'account' ? `${name} (MQTT)` : name, kind, address, requestId: '' };
    const noting = note({
      ...{
        actor,
        action: tag === undefined ? 'mqtt.publish' : 'tag.write',
        target: tag ?? topic,
        outcome,
        at: now(),
      },
      after: { topic, ...(tag === undefined ? { bytes: payload.length } : wish(payload)), error: reason, ...counted },
    });
    this.#noting.add(noting);
    void noting.then(() => this.#noting.delete(noting));
  }
}

/** As a write that was carried out stands there. */
function wish(payload: Buffer): object {
  const read = readSet(payload);
  if ('problem' in read) return { payload: payload.toString('utf8').slice(0, MOST_SHOWN) };
  return { requested: read.value, ...(read.comment && { comment: read.comment }) };
}
