/** Takes this hub's place at a PostgreSQL that other hubs can reach as well, before it writes anything there. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import type { Unwind } from '@lineside/shared/lifecycle/unwind.ts';
import type { Logger } from '@lineside/shared/log/logger.ts';
import { missingOf, type Servers } from './replicas/config.ts';
import { LeaseKeeper } from './replicas/lease-keeper.ts';
import { ALONE, cannotShare, waitForPlace } from './replicas/place.ts';
import { newReplica } from './replicas/replica-name.ts';
import type { Relational } from './store/postgres/relational.ts';

export interface PlacePartOptions {
  config: Servers & { replica?: string | undefined };
  relational: Relational;
  unwind: Unwind;
  stopping: AbortSignal;
  /** Others have come while this hub stood still: this process has to end, in words. */
  onTakenOver(words: string): void;
  log: Logger;
}

/** @throws LinesideError HUBS_CANNOT_SHARE, STOPPED */
export async function takePlace({ config, relational, unwind, stopping, onTakenOver, log }: PlacePartOptions) {
  // An embedded store is of one process, which its lock sees to.
  if (!relational.shared) return;
  const { db } = relational;
  const missing = missingOf(config);
  await waitForPlace({ db, missing, log }, stopping);
  if (missing.length === 0) return;
  const keeper = new LeaseKeeper({
    ...{ db, replica: newReplica(config), takesGateways: false, gateways: () => [], singles: [ALONE], log },
    onGained: async () => undefined,
    onLeaving: async () => undefined,
    onLost: async () => onTakenOver('another hub has come to the PostgreSQL of this one, which stood still'),
  });
  unwind.defer('place at the PostgreSQL', () => keeper.stop());
  await keeper.start();
  if (keeper.fault !== '') throw new LinesideError('REPLICAS_UNREADABLE', 'outside', `this hub ${keeper.fault}`);
  // Two that start at the same time have both seen nobody: one of them has the lease.
  if (keeper.fenceOf(ALONE) === undefined) throw cannotShare(keeper.others, missing);
}
