import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Replica } from '../store/postgres/leases.ts';

/** This start of a hub, as others see it: its name stays when the configuration gives one, its id never does. */
export function newReplica({ replica, roles }: { replica?: string | undefined; roles: readonly string[] }): Replica {
  const name = replica ?? `${hostname()}-${randomBytes(3).toString('hex')}`;
  return { id: `${name}:${randomBytes(4).toString('hex')}`, name, roles: roles.join() };
}
