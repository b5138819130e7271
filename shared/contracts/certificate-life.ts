/** When somebody has to see to a certificate because nobody has renewed it. */

/** Whatever renews a certificate does so before this part of its life is left. */
const LEFT = 1 / 6;
/** Of one that is valid for years. Milliseconds. */
const MOST_MS = 30 * 86_400_000;

/** Milliseconds since 1970 UTC. */
export interface CertificateLife {
  notBefore: number;
  notAfter: number;
}

/** Whether its renewal is overdue, or it has ended. */
export function isNearEnd({ notBefore, notAfter }: CertificateLife, now: number): boolean {
  return notAfter - now < Math.min(MOST_MS, (notAfter - notBefore) * LEFT);
}
