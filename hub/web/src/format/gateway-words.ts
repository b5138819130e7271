import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { isNearEnd } from '@lineside/shared/contracts/certificate-life.ts';
import { formatDuration, formatDurationShort } from './duration.ts';
import { formatNumber, UNKNOWN } from './value.ts';

/** A backlog under this is only what is on its way between two answers of the hub. */
export const BACKLOG_MIN = 5_000;
/** From here on alarms and curves of two gateways do not fit together any more. Milliseconds. */
export const CLOCK_OFF_MS = 2_000;

export type GatewayHealth = 'good' | 'attention' | 'offline' | 'never';
export const HEALTH_WORDS: Record<GatewayHealth, string> = {
  good: 'Online',
  attention: 'Needs attention',
  offline: 'Offline',
  never: 'Never seen',
};

/** An edge node or another system that is only listened to. */
export const isForeign = (id: string): boolean => id.includes(':');

/** What is not well with it, in words, most urgent first. @param now milliseconds since 1970 UTC */
export function gatewayTroubles(gateway: GatewayView, now: number): string[] {
  const troubles: string[] = [];
  const { bufferFault, certificate, clockOffsetMs = 0 } = gateway;
  if (bufferFault) troubles.push(`Its disk takes no data: ${bufferFault}`);
  if (certificate?.problem) troubles.push(`Its certificate was not renewed: ${certificate.problem}`);
  else if (certificate && isNearEnd(certificate, now))
    troubles.push(`Its certificate ${certificateWords(certificate.notAfter, now)}`);
  if (!gateway.online) return troubles;
  const down = gateway.devices.filter(({ state }) => state !== 'up').map(({ device }) => device);
  if (down.length > 0) troubles.push(`Not up: ${down.length > 3 ? `${down.length} devices` : down.join(', ')}`);
  if (Math.abs(clockOffsetMs) >= CLOCK_OFF_MS) troubles.push(`Its clock is ${clockWords(clockOffsetMs)}`);
  if (gateway.pendingSamples > BACKLOG_MIN)
    troubles.push(`${formatNumber(gateway.pendingSamples)} samples wait on its disk`);
  if (gateway.quarantined > 0)
    troubles.push(`${formatNumber(gateway.quarantined)} of its messages were refused; the hub’s log says why`);
  return troubles;
}

export function gatewayHealth(gateway: GatewayView, troubles: readonly string[]): GatewayHealth {
  if (gateway.since === null) return 'never';
  if (!gateway.online) return 'offline';
  return troubles.length > 0 ? 'attention' : 'good';
}

/** How far a clock is from the hub's. @param offsetMs ahead of it, milliseconds */
export function clockWords(offsetMs: number | undefined): string {
  if (offsetMs === undefined) return UNKNOWN;
  const size = Math.abs(offsetMs);
  if (size < 1_000) return 'in step';
  const span = size < 10_000 ? `${formatNumber(size / 1_000, 1)} s` : formatDuration(size);
  return `${span} ${offsetMs > 0 ? 'ahead' : 'behind'}`;
}

/** When a certificate ends. @param notAfter milliseconds since 1970 UTC */
export function certificateWords(notAfter: number, now: number): string {
  return notAfter > now ? `ends in ${formatDurationShort(notAfter - now)}` : 'has ended';
}

export function bytesWords(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let size = bytes;
  let unit = 0;
  for (; size >= 1_024 && unit < units.length - 1; unit++) size /= 1_024;
  return `${formatNumber(size, unit === 0 || size >= 100 ? 0 : 1)} ${units[unit]}`;
}

export const upCount = ({ devices }: GatewayView): number => devices.filter(({ state }) => state === 'up').length;
