/** This hub among others on the same servers: what it may do, and what it begins and ends to do. */
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { LoadedHubConfig } from './config/load-config.ts';
import type { Ingest } from './ingest/ingest.ts';
import { isReplicated, type Role } from './replicas/config.ts';
import { gatewayLease, gatewayOf, LeaseKeeper } from './replicas/lease-keeper.ts';
import { expectNobodyAlone } from './replicas/place.ts';
import { newReplica } from './replicas/replica-name.ts';
import type { Lease } from './store/postgres/leases.ts';
import type { Relational } from './store/postgres/relational.ts';

/** Lease of everything that comes in and is not of a gateway: programs that publish JSON, Sparkplug. */
const SOURCES = 'sources';
const JOBS = 'jobs';

/** Only one of several does it; `start` when it is this one. */
export interface Single {
  lease: typeof SOURCES | typeof JOBS;
  start(): void;
}

export interface ReplicaPartOptions {
  config: LoadedHubConfig;
  relational: Relational;
  ingest(): Ingest;
  singles: Single[];
  /** This hub takes what these gateways say from now on. */
  onTaken(gateways: string[]): void;
  /** What must not go on, and cannot end by itself, was taken over: this process has to end, in words. */
  onTakenOver(words: string): void;
  log: Logger;
}

export class ReplicaPart {
  readonly #options: ReplicaPartOptions;
  readonly #keeper: LeaseKeeper | undefined;
  readonly #heard = new Set<string>();
  /** Of this start. */
  readonly id: string;

  constructor(options: ReplicaPartOptions) {
    this.#options = options;
    const { config, relational, log } = options;
    const replica = newReplica(config);
    this.id = replica.id;
    for (const { id } of config.gateways) this.#heard.add(id);
    if (!isReplicated(config)) return;
    this.#keeper = new LeaseKeeper({
      db: relational.db,
      replica,
      takesGateways: this.has('ingest'),
      gateways: () => [...this.#heard].map(gatewayLease),
      singles: this.#singles().map(({ lease }) => lease),
      onGained: (names) => this.#gained(names),
      onLeaving: (names) => options.ingest().end(gatewaysOf(names), true),
      onLost: (names) => this.#lost(names),
      log,
    });
  }

  /** Whether there may be others. */
  get replicated(): boolean {
    return this.#keeper !== undefined;
  }

  get fault(): string {
    return this.#keeper?.fault ?? '';
  }

  has(role: Role): boolean {
    return this.#options.config.roles.includes(role);
  }

  /** @throws LinesideError HUBS_CANNOT_SHARE */
  async start(): Promise<void> {
    if (this.#keeper) {
      await this.#keeper.start();
      await expectNobodyAlone({ db: this.#options.relational.db, missing: [] }, this.id);
    } else for (const single of this.#singles()) single.start();
  }

  /** Takes nothing more, as the hub ends. */
  settle(): void {
    this.#keeper?.settle();
  }

  async stop(): Promise<void> {
    await this.#keeper?.stop();
  }

  /** Something came from a gateway; it may be one that nobody knows yet. */
  heard(gateway: string): void {
    if (this.#heard.has(gateway)) return;
    this.#heard.add(gateway);
    this.#keeper?.soon();
  }

  /** The term in which this hub takes what comes from there; undefined while another one does. */
  termOf(gateway: string): number | undefined {
    return this.#keeper ? this.#keeper.fenceOf(leaseOf(gateway)) : 0;
  }

  takes(gateway: string): boolean {
    return this.has('ingest') && this.termOf(gateway) !== undefined;
  }

  /** Whether this is the one that runs the jobs. */
  runsJobs(): boolean {
    return this.has('jobs') && (this.#keeper === undefined || this.#keeper.fenceOf(JOBS) !== undefined);
  }

  /** Under what records are committed that were accepted in a term. */
  leaseOf(gateway: string, fence: number): Lease | undefined {
    return this.#keeper && { name: leaseOf(gateway), owner: this.id, fence };
  }

  #singles(): Single[] {
    return this.#options.singles.filter(({ lease }) => this.has(lease === JOBS ? 'jobs' : 'ingest'));
  }

  async #gained(names: string[]): Promise<void> {
    this.#options.onTaken(gatewaysOf(names));
    await this.#options.ingest().begin(gatewaysOf(names));
    for (const single of this.#singles()) {
      // Its first samples come after this, and find the lease held.
      if (names.includes(single.lease)) setImmediate(() => single.start());
    }
  }

  async #lost(names: string[]): Promise<void> {
    await this.#options.ingest().end(gatewaysOf(names), false);
    const single = this.#singles().find(({ lease }) => names.includes(lease));
    if (single)
      this.#options.onTakenOver(`another hub has taken over the ${single.lease} of this one, which stood still`);
  }
}

function leaseOf(gateway: string): string {
  return gateway.includes(':') ? SOURCES : gatewayLease(gateway);
}

function gatewaysOf(names: string[]): string[] {
  return names.flatMap((name) => gatewayOf(name) ?? []);
}
