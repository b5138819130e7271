/** A condition on tables that have a gateway and a device. */
import { type RawBuilder, sql } from 'kysely';

/** True for the rows of these devices; for none when there are none. */
export function isOneOf(devices: readonly { gateway: string; device: string }[]): RawBuilder<boolean> {
  if (devices.length === 0) return sql<boolean>`false`;
  const pairs = devices.map(({ gateway, device }) => sql`(${gateway}, ${device})`);
  return sql<boolean>`(gateway, device) in (${sql.join(pairs)})`;
}
