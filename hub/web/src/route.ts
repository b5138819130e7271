import { useMemo, useSyncExternalStore } from 'react';

/** Which page is shown. It stands behind the # of the address: the hub serves one file, and a reload stays where it is. */
export type Route =
  | { page: 'line' }
  | { page: 'gateways' }
  | { page: 'gateway'; id: string }
  | { page: 'rollouts' }
  | { page: 'administration'; part: string };

export const LINE_LINK = '#/';
export const GATEWAYS_LINK = '#/gateways';
export const ROLLOUTS_LINK = '#/rollouts';
const ADMINISTRATION_LINK = '#/administration';
export const gatewayLink = (id: string): string => `${GATEWAYS_LINK}/${encodeURIComponent(id)}`;

/** @param part of the administration; without one, the first that somebody may see */
export const administrationLink = (part = ''): string => `${ADMINISTRATION_LINK}/${part}`;

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return useMemo(() => routeOf(hash), [hash]);
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

function routeOf(hash: string): Route {
  if (hash === GATEWAYS_LINK) return { page: 'gateways' };
  if (hash === ROLLOUTS_LINK) return { page: 'rollouts' };
  if (hash.startsWith(ADMINISTRATION_LINK)) {
    return { page: 'administration', part: hash.slice(ADMINISTRATION_LINK.length + 1) };
  }
  if (!hash.startsWith(`${GATEWAYS_LINK}/`)) return { page: 'line' };
  try {
    return { page: 'gateway', id: decodeURIComponent(hash.slice(GATEWAYS_LINK.length + 1)) };
  } catch {
    return { page: 'gateways' };
  }
}
