/** A broker as a configuration names it: what of it cannot work, and what a client connects with. */
import { checkTlsClient, type TlsClient } from '../config/tls-client.ts';
import { readSecret } from '../config/validate.ts';
import type { MqttEndpoint } from './open-client.ts';

export interface EndpointSettings {
  /** mqtt:// or mqtts://, host and port. */
  url: string;
  username?: string | undefined;
  passwordFile?: string | undefined;
  tls?: TlsClient | undefined;
  mqttVersion?: '3.1.1' | '5' | undefined;
}

/**
 * What the schema lets pass and what cannot work; empty when all is well.
 *
 * @param mend what to do about `tls` with an address that is none in TLS
 */
export function checkEndpoint(
  { url, tls }: EndpointSettings,
  mend = 'write mqtts:// or remove it',
): { path: string[]; message: string }[] {
  const problems = checkTlsClient(tls ?? {}).map(({ field, message }) => ({
    path: ['tls', field as string],
    message,
  }));
  if (!URL.canParse(url)) problems.push({ path: ['url'], message: `"${url}" is no address; write mqtt://host:port` });
  if (tls && url.startsWith('mqtt://')) {
    problems.push({ path: ['tls'], message: `tls goes with an address in TLS: ${mend}` });
  }
  return problems;
}

/** @throws LinesideError SECRET_UNREADABLE naming the password's file */
export function endpointOf(
  { url, username, passwordFile, tls, mqttVersion }: EndpointSettings,
  resolvePath: (path: string) => string,
): MqttEndpoint {
  const password = passwordFile === undefined ? undefined : readSecret(resolvePath(passwordFile));
  return { url, username, password, tls, mqttVersion, resolvePath };
}
