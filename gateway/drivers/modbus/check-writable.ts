/** What may be written must lie where values can be written. */
import type { ConfigProblem } from '../driver.ts';
import { parseAddress } from './address.ts';
import type { ModbusTag } from './config.ts';

/** The common part of a tag's settings comes along when a configuration is checked. */
type Settings = ModbusTag & { writable?: boolean };

export function checkWritable(tags: { settings: Settings }[]): ConfigProblem[] {
  return tags.flatMap(({ settings }, tag) => {
    if (!settings.writable) return [];
    const address = parseAddress(settings.address);
    if (typeof address === 'string') return [];
    if (address.table !== 'coil' && address.table !== 'holding') {
      const message = `${settings.address} can only be read: remove writable, or give the address of a coil or holding register`;
      return [{ tag, field: 'writable', message }];
    }
    return [];
  });
}
