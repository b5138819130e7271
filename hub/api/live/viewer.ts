/** Who looks, and what of the plant may be seen. */
import type { LiveKind } from '@lineside/shared/contracts/live.ts';
import type { Permission } from '@lineside/shared/contracts/permissions.ts';
import type { FastifyRequest } from 'fastify';
import type { Identity } from '../../auth/identity.ts';

export interface Viewer {
  name: string;
  /** Equipment paths that it may see, with all that lies below them; null: the whole plant. */
  sites: readonly string[] | null;
  /** When what it came in by is over, whatever happens; null when that has no time. */
  endsAt: number | null;
  may(kind: LiveKind): boolean;
  /** False when it may not be here any more, or has other rights now. Rejects when that cannot be told now. */
  stillHere(): Promise<boolean>;
}

const NEEDS: Record<LiveKind, Permission> = {
  values: 'tags.read',
  machines: 'plant.read',
  states: 'plant.read',
  gateways: 'gateways.read',
  alarms: 'alarms.read',
  jobs: 'jobs.read',
};

export function viewerOf(request: FastifyRequest): Viewer {
  const identity = request.identity!;
  const { name, sites, permissions, endsAt } = identity;
  const rights = rightsOf(identity);
  return {
    ...{ name, sites, endsAt },
    may: (kind) => permissions.has(NEEDS[kind]),
    async stillHere() {
      const now = await request.identify();
      return now !== null && rightsOf(now) === rights;
    },
  };
}

function rightsOf({ sites, permissions, mustChangePassword }: Identity): string {
  return JSON.stringify([sites, [...permissions].sort(), mustChangePassword]);
}
