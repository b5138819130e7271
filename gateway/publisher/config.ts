import { TlsClient } from '@lineside/shared/config/tls-client.ts';
import { type Static, Type } from 'typebox';

export const HubLinkConfig = Type.Object(
  {
    url: Type.String({
      pattern: '^(mqtt|mqtts)://[^/@\\s]+$',
      description:
        'Address of the hub’s broker, such as mqtt://hub.example:1883 or mqtts://hub.example:8883; the password goes into passwordFile',
    }),
    passwordFile: Type.String({
      description: 'File that holds this gateway’s password at the hub, path from the configuration’s folder',
    }),
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
