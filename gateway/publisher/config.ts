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
  },
  { additionalProperties: false, description: 'The hub that this gateway streams to' },
);
export type HubLinkConfig = Static<typeof HubLinkConfig>;
