import { TlsClient } from '@lineside/shared/config/tls-client.ts';
import { type Static, Type } from 'typebox';

export const HubLinkConfig = Type.Object(
  {
    url: Type.String({
      pattern: '^(mqtt|mqtts)://[^/@\\s]+$',
      description:
        'Address of the hub’s broker, such as mqtt://hub.example:1883 or mqtts://hub.example:8883; the password goes into passwordFile',
    }),
    passwordFile: Type.Optional(
      Type.String({
        description: 'File that holds this gateway’s password at the hub, path from the configuration’s folder',
      }),
    ),
    identityDir: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Folder for the certificate by which this gateway comes in, in place of a password: `gateway enrol` puts it there, and it renews itself. Path from the configuration’s folder; the gateway must be able to write there',
      }),
    ),
    tls: Type.Optional(TlsClient),
    accept: Type.Array(
      Type.Union([Type.Literal('config'), Type.Literal('restart'), Type.Literal('browse'), Type.Literal('logs')], {
        description:
          'config: read and change this file, but for gateway, dataDir and hub; restart: end it, so that it is started anew; browse: look at OPC UA servers and Modbus devices that it reaches; logs: read its last log lines',
      }),
      { default: [], maxItems: 4, description: 'What the hub may do here, besides taking data and setting tags' },
    ),
    catchUpKiBPerSecond: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_048_576,
      description:
        'How fast records that wait since an outage are sent, for a line that others use too; 0: as fast as the hub takes them',
    }),
    mqttVersion: Type.Union([Type.Literal('3.1.1'), Type.Literal('5')], {
      default: '3.1.1',
      description:
        'What is spoken to the broker. The hub’s embedded one knows 3.1.1; with 5, an external broker says why it refuses something',
    }),
  },
  { additionalProperties: false, description: 'The hub that this gateway streams to' },
);
export type HubLinkConfig = Static<typeof HubLinkConfig>;

/** How the gateway is to come in; what of that cannot work. */
export function checkHubLink({ url, passwordFile, identityDir, tls }: HubLinkConfig): {
  path: string[];
  message: string;
}[] {
  if (identityDir === undefined) {
    if (passwordFile !== undefined) return [];
    const message = 'the gateway could not come in: add identityDir and run `gateway enrol`, or passwordFile';
    return [{ path: [], message }];
  }
  const problems: { path: string[]; message: string }[] = [];
  if (passwordFile !== undefined) {
    const message = 'the gateway comes in by the certificate in identityDir: remove passwordFile, or identityDir';
    problems.push({ path: ['passwordFile'], message });
  }
  if (url.startsWith('mqtt://')) {
    const message =
      'a certificate is shown over TLS: write mqtts:// and the hub’s TLS port, or passwordFile for identityDir';
    problems.push({ path: ['url'], message });
  }
  for (const field of ['certFile', 'keyFile'] as const) {
    if (tls?.[field] === undefined) continue;
    problems.push({ path: ['tls', field], message: `the certificate is the one in identityDir: remove ${field}` });
  }
  return problems;
}
