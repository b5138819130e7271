/**
 * Brings one configuration to several gateways, wave after wave, and stops at the first that does not take it. What is
 * each gateway's own (gateway, dataDir, hub) stays as it has it. One that a restart of the hub has cut off stays stopped:
 * nobody goes on with it unasked.
 */
import { createHash, randomUUID } from 'node:crypto';
import { withSectionsOf } from '@lineside/shared/config/merge-sections.ts';
import type { ConfigText } from '@lineside/shared/contracts/fleet.ts';
import type { ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { LinesideError, messageOf } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import { pageFrom } from '../store/page.ts';
import { type Actor, appendAudit } from '../store/postgres/audit.ts';
import {
  endRollout,
  insertRollout,
  listRollouts,
  moveGateway,
  rolloutStopWish,
  type StoredRollout,
  wishRolloutStopped,
} from '../store/postgres/rollouts.ts';
import type { Database } from '../store/postgres/schema.ts';
import { type ListAsked, stretchOf } from '../store/postgres/stretch.ts';
import { inTransaction } from '../store/postgres/transaction.ts';
import type { ConfigDesk } from './config-desk.ts';
import { expectOnline, type FleetDesk } from './fleet-desk.ts';

/** What each gateway keeps as it has it. */
const OWN = ['gateway', 'dataDir', 'hub'];
const READ_MS = 15_000;
/** Of another hub's rollout something changes at least this often. Milliseconds. */
const IDLE_MS = 15 * 60_000;

export interface RolloutDeskOptions {
  db: Kysely<Database>;
  /** Whether other hubs use the same tables. */
  shared: boolean;
  online(gateway: string): boolean | undefined;
  configs: Pick<ConfigDesk, 'push'>;
  fleet: Pick<FleetDesk, 'ask'>;
  /** Something has changed in one. */
  onChange(id: string): void;
  log: Logger;
  now(): number;
}

export interface RolloutWish {
  gateways: string[];
  config: string;
  /** How many come first, and how many in each wave after it. */
  first: number;
  each: number;
  confirmWithinMs: number;
  /** Each one starts anew with it where settings need that. */
  restart: boolean;
}

export class RolloutDesk {
  readonly #options: RolloutDeskOptions;
  #running: { id: string; done: Promise<void> } | undefined;
  #stop = '';

  constructor(options: RolloutDeskOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#endLeft('the hub was started anew meanwhile');
  }

  /** Those that nobody runs any more, or one of them if it is so; none that this hub runs. */
  async #endLeft(reason: string, id?: string): Promise<void> {
    const { db, shared, now } = this.#options;
    const idle = shared ? { idleSince: now() - IDLE_MS } : {};
    await endRollout(db, { ...(id === undefined ? {} : { id }), state: 'stopped', reason, at: now(), ...idle });
  }

  /** No further gateway is begun. */
  async stop(): Promise<void> {
    this.#stop ||= 'the hub has ended';
    await this.#running?.done;
  }

  /**
   * By when they began.
   *
   * @param gateways only those that have to do with none but these; undefined: all
   * @throws LinesideError CURSOR_INVALID
   */
  async list(asked: ListAsked, gateways?: readonly string[]): Promise<Page<StoredRollout>> {
    const { list, stretch } = stretchOf('rollouts', asked);
    const rows = await listRollouts(this.#options.db, { ...stretch, gateways });
    const keysOf = ({ created_at, id }: StoredRollout) => [created_at, id];
    return pageFrom(rows, asked.limit, list, keysOf, (row) => row);
  }

  /**
   * Of several hubs any may be told: the one that runs it looks before each wave.
   *
   * @param gateways only one that has to do with none but these; undefined: any
   * @throws LinesideError ROLLOUT_NOT_FOUND when no such one runs
   */
  async cancel(actor: Actor, id: string, gateways?: readonly string[]): Promise<void> {
    const { db, now } = this.#options;
    const reason = `stopped by ${actor.name}`;
    const [rollout] = await listRollouts(db, { limit: 1, newestFirst: true, id, gateways });
    const told = await inTransaction(db, async (trx) => {
      if (!rollout || !(await wishRolloutStopped(trx, id, reason))) return false;
      await appendAudit(trx, {
        ...{ actor, action: 'rollout.stop', target: id, outcome: 'done', at: now() },
        ...{ before: { state: 'running' }, after: { state: 'stopped' } },
      });
      return true;
    });
    if (!told) throw new LinesideError('ROLLOUT_NOT_FOUND', 'peer', 'no such rollout is running');
    // Of one that nobody runs any more, for its hub has ended, nobody would look.
    if (this.#running?.id !== id) await this.#endLeft(reason, id);
  }

  /**
   * Begins it, and resolves with its id.
   *
   * @throws LinesideError ROLLOUT_RUNNING; GATEWAY_NOT_FOUND, GATEWAY_OFFLINE naming the first: nothing was sent
   */
  async begin(actor: Actor, wish: RolloutWish): Promise<string> {
    const { online, log } = this.#options;
    if (this.#running) throw otherRuns();
    for (const gateway of wish.gateways) expectOnline(gateway, online(gateway));
    const by = actor.name;
    const id = randomUUID();
    const waves = wavesOf(wish);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = { id, done: promise };
    this.#stop = '';
    try {
      await this.#endLeft('its hub could not bring it to its end');
      await this.#insert(actor, id, wish, waves);
    } catch (error) {
      this.#running = undefined;
      resolve();
      throw error;
    }
    log.warn({ id, by, gateways: wish.gateways.length, waves: waves.length }, 'rollout begun');
    void this.#run(id, actor, wish, waves)
      .catch((error: unknown) => log.error({ id, error: messageOf(error) }, 'rollout not brought to its end'))
      .finally(() => {
        this.#running = undefined;
        resolve();
        this.#options.onChange(id);
      });
    return id;
  }

  /** What becomes of each gateway is a line of its own, when it takes the configuration. */
  async #insert(
    actor: Actor,
    id: string,
    { config, confirmWithinMs }: RolloutWish,
    waves: string[][],
  ): Promise<void> {
    const at = this.#options.now();
    await inTransaction(this.#options.db, async (trx) => {
      if (!(await insertRollout(trx, { id, by: actor.name, config, waves, at }))) throw otherRuns();
      await appendAudit(trx, {
        ...{ actor, action: 'rollout.begin', target: id, outcome: 'done', at },
        after: {
          ...{ waves, confirmWithinMs, characters: config.length },
          sha256: createHash('sha256').update(config).digest('hex'),
        },
      });
    });
  }

  async #run(id: string, actor: Actor, wish: RolloutWish, waves: string[][]): Promise<void> {
    const { db, log, now, onChange } = this.#options;
    for (const wave of waves) {
      const ended = await Promise.all(wave.map((gateway) => this.#one(id, actor, gateway, wish)));
      const failed = ended.find((words) => words !== '');
      const reason = failed ?? (this.#stop || (await rolloutStopWish(db, id)));
      onChange(id);
      if (!reason) continue;
      await endRollout(db, { id, state: 'stopped', reason, at: now() });
      log.error({ id, reason }, 'rollout stopped');
      return;
    }
    await endRollout(db, { id, state: 'done', reason: '', at: now() });
    log.warn({ id, by: actor.name }, 'rollout done');
  }

  /** Why it failed; empty when it did not. */
  async #one(id: string, actor: Actor, gateway: string, wish: RolloutWish): Promise<string> {
    const { db, now, onChange } = this.#options;
    const move = async (state: 'running' | 'done' | 'failed', detail: string) => {
      await moveGateway(db, { id, gateway, state, detail, at: now() });
      onChange(id);
    };
    await move('running', '');
    try {
      const result = await this.#push(actor, gateway, wish);
      const good = result.result === 'applied' || result.result === 'unchanged';
      const restart = result.needsRestart.length > 0 ? `; needs a restart: ${result.needsRestart.join(', ')}` : '';
      const words = good
        ? `${result.result}${restart}`
        : `${result.result}: ${result.problems.join('; ')}`.slice(0, 2_000);
      await move(good ? 'done' : 'failed', words);
      return good ? '' : `${gateway} ${words}`;
    } catch (error) {
      await move('failed', messageOf(error));
      return `${gateway}: ${messageOf(error)}`;
    }
  }

  async #push(
    actor: Actor,
    gateway: string,
    { config, confirmWithinMs, restart }: RolloutWish,
  ): Promise<ConfigPushResult> {
    const { fleet, configs } = this.#options;
    const now = await fleet.ask<ConfigText>(actor.name, gateway, { what: 'config.read' }, { patienceMs: READ_MS });
    return configs.push(actor, gateway, withSectionsOf(config, now.config, OWN), confirmWithinMs, restart);
  }
}

function otherRuns(): LinesideError {
  return new LinesideError(
    'ROLLOUT_RUNNING',
    'peer',
    'another rollout is running: wait for its end, or stop it. One whose hub has died counts for a quarter of an hour',
  );
}

function wavesOf({ gateways, first, each }: RolloutWish): string[][] {
  const rest = [...new Set(gateways)];
  const waves = [rest.splice(0, first)];
  while (rest.length > 0) waves.push(rest.splice(0, each));
  return waves;
}
