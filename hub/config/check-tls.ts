/** What cannot work of the TLS of pages, API and broker, and of gateways that have no other way in. */
import { resolveTls, type ServerTls } from '@lineside/shared/mqtt/broker-tls.ts';
import { outOfTime, readPair } from '../enrolment/certificate-files.ts';
import type { HubConfig } from './schema.ts';

export interface TlsProblem {
  path: (string | number)[];
  message: string;
}

const PAIR = ['certFile', 'keyFile'] as const;
const USES = ['http', 'mqtt'] as const;

export function checkTls({ http, mqtt, gateways }: HubConfig): TlsProblem[] {
  const { broker, tls } = mqtt;
  const problems: TlsProblem[] = [...checkShown('http', http.tls), ...checkShown('mqtt', tls)];
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

/** What is wrong with the files of certificates that are there, or not: for whoever asks before the hub runs. */
export function checkCertificateFiles(
  config: Pick<HubConfig, 'http' | 'mqtt'>,
  resolvePath: (path: string) => string,
  now: number,
): TlsProblem[] {
  return USES.flatMap((use) => {
    const { tls } = config[use];
    const { certFile, keyFile } = tls ? resolveTls<Partial<ServerTls>>(tls, resolvePath) : {};
    if (certFile === undefined || keyFile === undefined) return [];
    const read = readPair({ certFile, keyFile });
    if ('field' in read) return [{ path: [use, 'tls', read.field], message: read.words }];
    const words = outOfTime(read.certificate, now);
    return words === '' ? [] : [{ path: [use, 'tls', 'certFile'], message: `${certFile} ${words}` }];
  });
}

function checkShown(
  use: (typeof USES)[number],
  tls: HubConfig['http']['tls'] | HubConfig['mqtt']['tls'],
): TlsProblem[] {
  if (!tls) return [];
  const problems: TlsProblem[] = [];
  PAIR.forEach((field, index) => {
    const other = PAIR[1 - index]!;
    if (tls[field] === undefined || tls[other] !== undefined) return;
    const message = `a certificate and its key go together: add ${other}, or remove ${field} and the hub issues one`;
    problems.push({ path: [use, 'tls', field], message });
  });
  if (tls.certFile !== undefined && tls.names.length > 0) {
    const message = 'names are for a certificate that the hub issues: remove them, or certFile and keyFile';
    problems.push({ path: [use, 'tls', 'names'], message });
  }
  return problems;
}
