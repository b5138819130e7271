import { type Static, Type } from 'typebox';

export const LocalConfig = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: 'Whether the gateway serves its own page' }),
    host: Type.String({
      default: '127.0.0.1',
      description:
        'Address of the local page; it has no login, so anything but a loopback address lets that network acknowledge alarms',
    }),
    port: Type.Integer({
      default: 8081,
      minimum: 0,
      maximum: 65535,
      description: 'Port of the local page; 0: any free',
    }),
  },
  { additionalProperties: false, default: {}, description: 'Status and alarms at the machine, also without a hub' },
);
export type LocalConfig = Static<typeof LocalConfig>;
