/**
 * Keeps what this hub may do among several. It says every two seconds that it lives; one that has not said so for eight
 * is taken for dead, and what it did is taken over. What it still does then, should it only have stood still, is
 * refused at the commit, by the fence of its lease.
 */
import { messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import {
  beatReplica,
  claimLeases,
  endPredecessors,
  endReplica,
  type Lease,
  type LeaseState,
  type Replica,
  releaseLeases,
} from '../store/postgres/leases.ts';
import type { Database } from '../store/postgres/schema.ts';
import { sharesOf } from './shares.ts';

const BEAT_MS = 2_000;
const LIFE_MS = 8_000;
/** So long before others may take over, this one stops by itself. Milliseconds. */
const MARGIN_MS = 1_000;
/**
 * The server ends a transaction in which nothing was asked for so long: one that stood still in the middle of a commit
 * keeps the others from its leases, and whoever waits for one says meanwhile not even of itself that it lives. Milliseconds.
 */
export const STANDSTILL_MS = LIFE_MS / 2;
/** After news such as another gateway, the next beat comes so soon. Milliseconds. */
const SOON_MS = 100;

export interface LeaseKeeperOptions {
  db: Kysely<Database>;
  replica: Replica;
  /** The role without which gateways are not taken. */
  takesGateways: boolean;
  /** Names of leases of gateways that there are. */
  gateways(): string[];
  /** Leases that one replica at a time has, and this one may. */
  singles: string[];
  /** From now on this hub does it; called before `fenceOf` says so. */
  onGained(names: string[]): Promise<void>;
  /** It is about to be given to another; called after `fenceOf` has ceased to say so. */
  onLeaving(names: string[]): Promise<void>;
  /** Another has it, as this one was taken for dead. */
  onLost(names: string[]): Promise<void>;
  log: Logger;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #held = new Map<string, Lease>();
  /** Monotonic; until then nobody can have taken anything over. */
  #validUntil = 0;
  #lastBeatAt = 0;
  /** Until then others that seem dead may only have been cut off together with this one. */
  #patientUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  /** It is set for soon. */
  #isSoon = false;
  #beating: Promise<void> = Promise.resolve();
  #stopped = true;
  #others: string[] = [];
  #fault = '';

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Why it does not know what it may do; empty while all is well. */
  get fault(): string {
    return this.#fault;
  }

  /** Names of the other replicas that live. */
  get others(): string[] {
    return this.#others;
  }

  /** Resolves when it has tried once to get what is free. */
  async start(): Promise<void> {
    this.#stopped = false;
    const { db, replica } = this.#options;
    await endPredecessors(db, replica);
    await this.#beatOnce();
    this.#later();
  }

  /** Takes nothing more; what it has it keeps until `stop`. */
  settle(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Lets others have everything at once. Idempotent. */
  async stop(): Promise<void> {
    this.settle();
    await this.#beating;
    if (this.#validUntil === 0) return;
    this.#validUntil = 0;
    this.#held.clear();
    await endReplica(this.#options.db, this.#options.replica.id).catch((error: unknown) =>
      this.#options.log.warn({ error: messageOf(error) }, 'could not give up the leases; others wait for their end'),
    );
  }

  /** The fence of a lease that this hub holds for certain; undefined otherwise. */
  fenceOf(name: string): number | undefined {
    return performance.now() < this.#validUntil ? this.#held.get(name)?.fence : undefined;
  }

  /** There is something new to be taken. More news does not put the beat off that tells of it. */
  soon(): void {
    if (this.#stopped || this.#isSoon) return;
    this.#isSoon = true;
    this.#next(SOON_MS);
  }

  /** Unless there was news during the beat. */
  #later(): void {
    if (!this.#stopped && !this.#isSoon) this.#next(BEAT_MS);
  }

  #next(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isSoon = false;
      void this.#beatOnce().finally(() => this.#later());
    }, afterMs);
  }

  #beatOnce(): Promise<void> {
    this.#beating = this.#beating
      .then(() => this.#beat())
      .then(
        () => {
          this.#fault = '';
        },
        (error: unknown) => {
          this.#fault = `cannot keep its leases: ${messageOf(error)}`;
        },
      );
    return this.#beating;
  }

  async #beat(): Promise<void> {
    const { db, replica, log } = this.#options;
    const beganAt = performance.now();
    const { live, leases } = await beatReplica(db, replica, LIFE_MS);
    if (this.#lastBeatAt > 0 && beganAt - this.#lastBeatAt > LIFE_MS) this.#patientUntil = beganAt + LIFE_MS;
    this.#lastBeatAt = beganAt;
    await this.#noticeLost(leases);
    this.#validUntil = beganAt + LIFE_MS - MARGIN_MS;
    const others = live.filter(({ id }) => id !== replica.id).map(({ name }) => name);
    if (others.join() !== this.#others.join()) log.info({ others }, 'replicas that live beside this one');
    this.#others = others;
    if (!this.#stopped) await this.#share(live, leases);
  }

  async #noticeLost(leases: LeaseState[]): Promise<void> {
    const { db, replica, onLost, log } = this.#options;
    const owned = new Map(leases.filter(({ owner }) => owner === replica.id).map((lease) => [lease.name, lease]));
    // Of a take-over or a release that failed half-way.
    await releaseLeases(
      db,
      replica.id,
      [...owned.keys()].filter((name) => !this.#held.has(name)),
    );
    const lost = [...this.#held.values()].filter(({ name, fence }) => owned.get(name)?.fence !== fence);
    if (lost.length === 0) return;
    const names = lost.map(({ name }) => name);
    for (const name of names) this.#held.delete(name);
    log.warn({ leases: names.length, first: names[0] }, 'this hub stood still, and others have taken over from it');
    await onLost(names);
  }

  async #share(live: Replica[], leases: LeaseState[]): Promise<void> {
    const { takesGateways, gateways, singles } = this.#options;
    const known = new Map(leases.map((lease) => [lease.name, lease]));
    const patient = performance.now() < this.#patientUntil;
    const isFree = (name: string) => {
      const lease = known.get(name);
      return !lease || lease.owner === null || (!lease.live && !patient);
    };
    const claim = singles.filter((name) => !this.#held.has(name) && isFree(name));
    if (takesGateways) {
      const wanted = new Set([...gateways(), ...leases.map(({ name }) => name).filter((name) => isGateway(name))]);
      const shares = sharesOf({
        wanted,
        held: new Set([...this.#held.keys()].filter(isGateway)),
        free: new Set([...wanted].filter(isFree)),
        replicas: live.filter(({ roles }) => roles.split(',').includes('ingest')).length,
      });
      await this.#release(shares.release);
      claim.push(...shares.claim);
    }
    await this.#claim(claim);
  }

  async #release(names: string[]): Promise<void> {
    if (names.length === 0) return;
    const { db, replica, onLeaving, log } = this.#options;
    for (const name of names) this.#held.delete(name);
    await onLeaving(names);
    await releaseLeases(db, replica.id, names);
    log.info({ leases: names.length, first: names[0] }, 'left to another replica');
  }

  async #claim(names: string[]): Promise<void> {
    const { db, replica, onGained, log } = this.#options;
    const got = await claimLeases(db, replica.id, names);
    if (got.length === 0) return;
    try {
      await onGained(got.map(({ name }) => name));
    } catch (error) {
      // Nobody does it now; whoever beats next may try.
      await releaseLeases(db, replica.id, names);
      throw error;
    }
    for (const lease of got) this.#held.set(lease.name, lease);
    log.info({ leases: got.length, first: got[0]!.name }, 'taken over');
  }
}

const PREFIX = 'gateway:';

export function gatewayLease(gateway: string): string {
  return `${PREFIX}${gateway}`;
}

/** The gateway of a lease; undefined when it is of something else. */
export function gatewayOf(lease: string): string | undefined {
  return isGateway(lease) ? lease.slice(PREFIX.length) : undefined;
}

function isGateway(name: string): boolean {
  return name.startsWith(PREFIX);
}
