/**
 * The private topics between gateway and hub. Integrators' topics (UNS, Sparkplug) are others.
 *
 * | topic                              | from    | QoS | retained | payload |
 * |------------------------------------|---------|-----|----------|---------|
 * | lineside/v1/{gateway}/data         | gateway | 1   | no       | Envelope (lineside.proto) |
 * | lineside/v1/{gateway}/live        | gateway | 0   | no       | as `data`: what a backlog is before, to be shown and not stored |
 * | lineside/v1/{gateway}/hello        | gateway | 1   | no       | JSON `Hello` |
 * | lineside/v1/{gateway}/status       | gateway | 1   | yes      | JSON `GatewayStatus`; the will says offline |
 * | lineside/v1/{gateway}/reply        | gateway | 1   | no       | JSON `CommandReply` |
 * | lineside/v1/{gateway}/renew        | gateway | 1   | no       | JSON `RenewRequest` |
 * | lineside/v1/{gateway}/committed    | hub     | 1   | no       | JSON `Committed` |
 * | lineside/v1/{gateway}/command      | hub     | 1   | no       | JSON `Command`; a write at QoS 0 |
 * | lineside/v1/{gateway}/certificate  | hub     | 1   | no       | JSON `RenewAnswer` |
 */

const ROOT = 'lineside/v1';

export const GATEWAY_TOPICS = ['data', 'live', 'hello', 'status', 'reply', 'renew'] as const;
export const HUB_TOPICS = ['committed', 'command', 'certificate'] as const;
export type GatewayTopic = (typeof GATEWAY_TOPICS)[number];
export type HubTopic = (typeof HUB_TOPICS)[number];

/** Gateway ids appear in topics, file names and addresses, so they are kept plain. */
export const GATEWAY_ID_PATTERN = '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$';

export function topicOf(gateway: string, kind: GatewayTopic | HubTopic): string {
  return `${ROOT}/${gateway}/${kind}`;
}

/** Splits a private topic; null when it is not one. */
export function parseTopic(topic: string): { gateway: string; kind: GatewayTopic | HubTopic } | null {
  const parts = topic.split('/');
  if (parts.length !== 4 || parts[0] !== 'lineside' || parts[1] !== 'v1') return null;
  const [, , gateway, kind] = parts as [string, string, string, string];
  if (!new RegExp(GATEWAY_ID_PATTERN).test(gateway)) return null;
  const known: readonly string[] = [...GATEWAY_TOPICS, ...HUB_TOPICS];
  return known.includes(kind) ? { gateway, kind: kind as GatewayTopic | HubTopic } : null;
}
