/**
 * Who may be with whom on one PostgreSQL. Hubs of which every store and the broker are servers share the work by leases.
 * One that keeps time series or speaks to gateways by itself cannot: half of the plant's data would be where the others
 * do not look. It holds a lease that says so, and whoever comes second is refused.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import type { Kysely } from 'kysely';
import { claimLeases, type LiveReplica, lookAtReplicas, releaseLeases } from '../store/postgres/leases.ts';
import type { Database } from '../store/postgres/schema.ts';

/** Lease of a hub that shares with nobody. */
export const ALONE = 'alone';

/** How often is looked whether somebody has said again that it lives. Milliseconds. */
const LOOK_MS = 300;

export interface PlaceOptions {
  db: Kysely<Database>;
  /** What of this hub's is embedded, as settings that are missing; empty when it can share. */
  missing: string[];
  log: Logger;
}

/**
 * Resolves when nobody is there with whom this hub cannot be. One that was killed is in the way until its time is over,
 * some seconds; one that says again meanwhile that it lives was not.
 *
 * @param stopping ends the waiting
 * @throws LinesideError HUBS_CANNOT_SHARE naming the other one and what to configure; STOPPED
 */
export async function waitForPlace(options: PlaceOptions, stopping: AbortSignal): Promise<void> {
  const { missing, log } = options;
  const firstSeen = new Map<string, number>();
  for (;;) {
    const others = await inTheWay(options);
    if (others.length === 0) return;
    if (firstSeen.size === 0) {
      log.info({ others: namesOf(others) }, 'another hub was here a moment ago: waiting to see whether it is alive');
    }
    for (const { id, expiresAt } of others) if (!firstSeen.has(id)) firstSeen.set(id, expiresAt);
    const alive = others.filter(({ id, expiresAt }) => expiresAt > firstSeen.get(id)!);
    if (alive.length > 0) throw cannotShare(namesOf(alive), missing);
    await delay(LOOK_MS, undefined, { signal: stopping }).catch(() => {
      throw new LinesideError('STOPPED', 'config', 'asked to stop while it waited for another hub to be gone');
    });
  }
}

/**
 * For a hub that can share and has begun to: nobody is alone here, and one that was and stood still will find that others
 * have come.
 *
 * @param replica its id
 * @throws LinesideError HUBS_CANNOT_SHARE
 */
export async function expectNobodyAlone(options: Omit<PlaceOptions, 'log'>, replica: string): Promise<void> {
  const { db, missing } = options;
  if ((await claimLeases(db, replica, [ALONE])).length === 0)
    throw cannotShare(namesOf(await inTheWay(options)), missing);
  await releaseLeases(db, replica, [ALONE]);
}

/** @param others their names */
export function cannotShare(others: string[], missing: string[]): LinesideError {
  const who = others.length === 0 ? 'another hub' : `the hub ${others.join(', ')}`;
  const why =
    missing.length > 0
      ? `this one cannot share it as long as it has ${missing.length === 1 ? 'a part' : 'parts'} of its own: set ${missing.join(' and ')}, at all hubs alike`
      : 'that one has a store or a broker of its own, which it shares with nobody: give it the same timeSeries.influx and mqtt.broker as this one';
  const words = `${who} works on this PostgreSQL, and ${why} (docs/operations/replicas.md), or give one of them another database in relational.url`;
  return new LinesideError('HUBS_CANNOT_SHARE', 'config', words);
}

/** Those who live and with whom this hub cannot be. */
async function inTheWay({ db, missing }: Omit<PlaceOptions, 'log'>): Promise<LiveReplica[]> {
  const { live, leases } = await lookAtReplicas(db);
  const alone = leases.find(({ name }) => name === ALONE)?.owner;
  return live.filter(({ id }) => missing.length > 0 || id === alone);
}

const namesOf = (replicas: LiveReplica[]) => replicas.map(({ name }) => name);
