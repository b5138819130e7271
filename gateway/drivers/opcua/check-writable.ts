/** What may be written must be able to take values. */
import type { ConfigProblem } from '../driver.ts';
import { addressField, addressText, parseAddress } from './address.ts';
import type { OpcUaDevice, OpcUaTag } from './config.ts';

/** The common part of a tag's settings comes along when a configuration is checked. */
type Settings = OpcUaTag & { writable?: boolean };

export function checkWritable({ namespaces }: OpcUaDevice, tags: { settings: Settings }[]): ConfigProblem[] {
  return tags.flatMap(({ settings }, tag) => {
    if (!settings.writable) return [];
    const address = parseAddress(settings, namespaces);
    if (typeof address === 'string' || !('identifier' in address) || !isStandard(address.namespace)) return [];
    const message = `${addressText(settings)} is of the standard's own namespace, in which a server tells of itself: remove writable, or add the namespace of the machine`;
    return [{ tag, field: addressField(settings), message }];
  });
}

function isStandard(namespace: { uri: string } | { index: number }): boolean {
  return 'uri' in namespace ? namespace.uri === 'http://opcfoundation.org/UA/' : namespace.index === 0;
}
