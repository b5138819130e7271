/** The topics of Sparkplug B (3.0, chapter 4). */

const NAMESPACE = 'spBv1.0';

const NODE_TYPES = ['NBIRTH', 'NDATA', 'NDEATH', 'NCMD'] as const;
const DEVICE_TYPES = ['DBIRTH', 'DDATA', 'DDEATH', 'DCMD'] as const;
export type NodeMessage = (typeof NODE_TYPES)[number];
export type DeviceMessage = (typeof DEVICE_TYPES)[number];

/** What an id of a group, a node, a device or a host may be: no part of a topic, and no wildcard. */
export const SPARKPLUG_ID_PATTERN = '^[^/+#\\u0000]+$';

export type SparkplugTopic =
  | { type: NodeMessage; group: string; node: string; device: undefined }
  | { type: DeviceMessage; group: string; node: string; device: string };

export function nodeTopic(group: string, type: NodeMessage, node: string): string {
  return `${NAMESPACE}/${group}/${type}/${node}`;
}

export function deviceTopic(group: string, type: DeviceMessage, node: string, device: string): string {
  return `${NAMESPACE}/${group}/${type}/${node}/${device}`;
}

/** Where a host application says whether it is there. */
export function stateTopic(host: string): string {
  return `${NAMESPACE}/STATE/${host}`;
}

/** Splits a topic of a node or a device; null when it is another one. */
export function parseSparkplugTopic(topic: string): SparkplugTopic | null {
  const [namespace, group, type, node, device, ...rest] = topic.split('/');
  if (namespace !== NAMESPACE || !group || !node || rest.length > 0) return null;
  if ((NODE_TYPES as readonly string[]).includes(type ?? '') && device === undefined) {
    return { type: type as NodeMessage, group, node, device };
  }
  if ((DEVICE_TYPES as readonly string[]).includes(type ?? '') && device) {
    return { type: type as DeviceMessage, group, node, device };
  }
  return null;
}

/** What a host application says of itself: retained, and as its will with the timestamp of its birth. */
export interface HostState {
  online: boolean;
  /** Milliseconds since 1970 UTC. */
  timestamp: number;
}

/** Null when the payload is no state of a host (Sparkplug B 3.0, 6.4.24). */
export function parseHostState(payload: Uint8Array): HostState | null {
  if (payload.length > 1024) return null;
  try {
    const { online, timestamp } = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<HostState>;
    const sound = typeof online === 'boolean' && Number.isSafeInteger(timestamp) && timestamp! >= 0;
    return sound ? { online, timestamp: timestamp! } : null;
  } catch {
    return null;
  }
}
