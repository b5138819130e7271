/** Gateways whose certificate is near its end although they renew it by themselves: somebody has to see why they did not. */
import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { isNearEnd } from '@lineside/shared/contracts/certificate-life.ts';

const DAY_MS = 86_400_000;
/** Named one by one; of the rest, how many. */
const MOST_NAMED = 20;

type Seen = Pick<GatewayView, 'id' | 'online' | 'certificate'>;

/** In words, the most urgent first. @param now milliseconds since 1970 UTC */
export function gatewayNotices(gateways: Seen[], now: number): string[] {
  const urgent = gateways
    .flatMap(({ id, online, certificate }) => (certificate ? [{ id, online, ...certificate }] : []))
    .filter((each) => each.problem !== undefined || isNearEnd(each, now))
    .sort((a, b) => a.notAfter - b.notAfter);
  const named = urgent.slice(0, MOST_NAMED).map(({ id, online, notAfter, problem }) => {
    if (notAfter <= now)
      return `the certificate of gateway ${id} has ended, and the hub lets it in no more: enrol it again`;
    const days = Math.floor((notAfter - now) / DAY_MS);
    const left = days === 0 ? 'less than a day' : days === 1 ? 'one day' : `${days} days`;
    const why = problem ?? (online ? 'it has not asked for another one yet' : 'it is off line');
    return `the certificate of gateway ${id} ends in ${left}: ${why}; it renews it by itself once it can, after that it has to be enrolled again`;
  });
  const rest = urgent.length - named.length;
  return rest > 0
    ? [...named, `the certificates of ${rest} more gateways are near their end: see the list of gateways`]
    : named;
}
