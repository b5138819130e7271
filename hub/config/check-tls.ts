/** What cannot work of the broker's TLS, and of gateways that have no other way in. */
import type { HubConfig } from './schema.ts';

export function checkTls({ mqtt, gateways }: HubConfig): { path: (string | number)[]; message: string }[] {
  const { broker, tls } = mqtt;
  const problems: { path: (string | number)[]; message: string }[] = [];
  const pairs = [
    ['certFile', 'keyFile'],
    ['keyFile', 'certFile'],
  ] as const;
  for (const [field, other] of pairs) {
    if (tls?.[field] === undefined || tls[other] !== undefined) continue;
    const message = `a certificate and its key go together: add ${other}, or remove ${field} and the hub issues one`;
    problems.push({ path: ['mqtt', 'tls', field], message });
  }
  if (tls?.certFile !== undefined && tls.names.length > 0) {
    const message = 'names are for a certificate that the hub issues: remove them, or certFile and keyFile';
    problems.push({ path: ['mqtt', 'tls', 'names'], message });
  }
  if (tls?.port !== undefined && tls.port !== 0 && tls.port === mqtt.port) {
    const message = `port ${tls.port} is mqtt.port already: give TLS another, or remove it and mqtt.port speaks TLS`;
    problems.push({ path: ['mqtt', 'tls', 'port'], message });
  }
  gateways.forEach(({ id, passwordFile }, index) => {
    if (id === broker?.username) {
      const message = `"${id}" is the hub's own name at the broker: give the gateway or mqtt.broker.username another`;
      problems.push({ path: ['gateways', index, 'id'], message });
    }
    if (passwordFile !== undefined || broker || tls) return;
    const message = `gateway "${id}" could not come in: add its passwordFile, or mqtt.tls and enrol it`;
    problems.push({ path: ['gateways', index], message });
  });
  return problems;
}
