/** Whether a machine's picture may be believed, and if not, why and since when. */
import type { Connection, GatewayView } from '@lineside/shared/contracts/api.ts';
import { LINK_HEARTBEAT_MS } from '@lineside/shared/contracts/frame.ts';
import type { DeviceStatus } from '@lineside/shared/contracts/link.ts';
import { isForeign } from './gateway-board.ts';

/** Data of a live device comes at least with its heartbeat; after so long without any it is stale. Milliseconds. */
const SILENCE_MS = 3 * LINK_HEARTBEAT_MS;

/**
 * @param lastSeenAt when the gateway received the newest sample of the device that has reached the hub
 */
export function connectionOf(
  gateway: GatewayView | undefined,
  device: DeviceStatus | undefined,
  lastSeenAt: number | null,
  now: number,
): Connection {
  if (lastSeenAt === null && !gateway?.online) {
    const reason = !gateway
      ? 'no such gateway is configured'
      : gateway.lastSeenAt === null
        ? `gateway ${gateway.id} has never connected`
        : `gateway ${gateway.id} is offline, and no data of this device has ever come`;
    return { status: 'never', since: null, reason };
  }
  if (!gateway?.online) {
    if (gateway && isForeign(gateway.id) && device) {
      return { status: 'offline', since: device.since, reason: device.reason || 'the source of its data is offline' };
    }
    const reason = 'the gateway is offline; it keeps collecting, and its data follows when it is back';
    return { status: 'offline', since: gateway?.since ?? lastSeenAt, reason };
  }
  if (device && device.state !== 'up') {
    return { status: 'stale', since: device.since, reason: device.reason || `the device is ${device.state}` };
  }
  if (lastSeenAt === null)
    return { status: 'never', since: null, reason: 'the gateway has no data of this device yet' };
  if (now - lastSeenAt > SILENCE_MS) {
    const reason =
      gateway.pendingSamples > 0
        ? `the gateway is catching up: ${gateway.pendingSamples} samples wait on its disk`
        : 'no data has come, although the gateway is online';
    return { status: 'stale', since: lastSeenAt, reason };
  }
  return { status: 'live', since: null, reason: '' };
}
