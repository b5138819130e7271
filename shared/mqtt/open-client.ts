/**
 * One MQTT connection as every part here makes it: a client of its own for each attempt, because one that reconnects
 * by itself can stay disconnected for ever, and nothing is queued in it, because what waits is on disk.
 */
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { type TlsClient, tlsOptions, tlsReason } from '../config/tls-client.ts';
import { messageOf } from '../errors/lineside-error.ts';
import { meetPacketLengths } from './packet-lengths.ts';

export interface MqttEndpoint {
  /** mqtt:// or mqtts://, host and port. */
  url: string;
  username?: string | undefined;
  password?: string | undefined;
  tls?: TlsClient | undefined;
  mqttVersion?: '3.1.1' | '5' | undefined;
  /** For the files that `tls` names. */
  resolvePath(path: string): string;
}

/**
 * Begins to connect; never reconnects. Sessions are clean.
 *
 * @throws LinesideError TLS_FILE_UNREADABLE
 */
export function openMqtt(
  endpoint: MqttEndpoint,
  options: Pick<IClientOptions, 'clientId' | 'will' | 'keepalive' | 'properties'>,
): MqttClient {
  const { url, username, password, tls, mqttVersion, resolvePath } = endpoint;
  const { protocol, hostname } = new URL(url);
  meetPacketLengths();
  return connect(url, {
    keepalive: 15,
    ...options,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    // A bracketed IPv6 address is without its brackets in a certificate.
    ...(protocol === 'mqtts:' ? tlsOptions(tls ?? {}, hostname.replace(/^\[|\]$/g, ''), resolvePath) : {}),
    protocolVersion: mqttVersion === '5' ? 5 : 4,
    clean: true,
    connectTimeout: 10_000,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
  });
}

/**
 * Why a broker could not be reached or lets nobody in, for an operator. Its refusals are numbers (MQTT 3.1.1,
 * table 3.1; MQTT 5.0, 3.2.2.2).
 *
 * @param who the user name, where it and its password are set, and whether it comes by a certificate in its place
 */
export function mqttReason(
  error: Error & { code?: unknown },
  who: { name: string; nameSetting: string; passwordSetting: string; byCertificate?: boolean },
): string {
  switch (error.code) {
    case 4:
    case 5:
    case 0x86:
    case 0x87:
      if (who.byCertificate) {
        return `the broker does not let "${who.name}" in by its certificate: it was revoked, or is of another hub; the hub's log says which. To enrol again: gateway enrol`;
      }
      return `the broker does not let "${who.name}" in; check ${who.nameSetting} and the password in ${who.passwordSetting}`;
    case 2:
    case 0x85:
      return `the broker refuses the name "${who.name}"; check ${who.nameSetting}`;
    case 1:
    case 0x84:
      return 'the broker does not speak this version of MQTT; set mqttVersion';
    case 3:
    case 0x88:
    case 0x89:
      return 'the broker is not available yet';
    default:
      return tlsReason(error) ?? messageOf(error);
  }
}
