import { type Static, Type } from 'typebox';

export const LocalConfig = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: 'Whether the gateway serves its own page' }),
    host: Type.String({
      default: '127.0.0.1',
      description:
        'Address of the local page; it has no login, so anything but a loopback address lets that network acknowledge alarms',
    }),
    names: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' }), {
        maxItems: 16,
        description:
          'Names beside its address under which this machine is asked, such as gw1.plant.example; requests under other names are refused',
      }),
    ),
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
