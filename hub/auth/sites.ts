import type { Role } from '@lineside/shared/contracts/permissions.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

/**
 * Holds the sites that somebody is to be limited to against the plant.
 *
 * @throws LinesideError SITES_REFUSED: an administrator could lift the limit, and a path that the plant does not have
 *   would shut somebody out without a word
 */
export function checkSites(
  sites: readonly string[] | null,
  role: Role | null,
  isPlace: (path: string) => boolean,
): void {
  if (sites === null) return;
  if (role === 'admin') {
    throw new LinesideError('SITES_REFUSED', 'peer', 'an administrator has the whole plant; choose another role');
  }
  const unknown = sites.find((path) => !isPlace(path));
  if (unknown === undefined) return;
  const words = `the plant has no ${unknown}; GET /api/v1/equipment lists its paths`;
  throw new LinesideError('SITES_REFUSED', 'peer', words);
}
