import { type Static, Type } from 'typebox';

export const EnrolmentConfig = Type.Object(
  {
    tokenMinutes: Type.Integer({
      default: 60,
      minimum: 1,
      maximum: 10_080,
      description: 'How long a token to enrol a gateway is good for, in minutes',
    }),
    certificateDays: Type.Integer({
      default: 365,
      minimum: 1,
      maximum: 3_650,
      description:
        'How long a gateway’s certificate is valid, in days; it renews it by itself after two thirds of that',
    }),
    gatewayUrl: Type.Optional(
      Type.String({
        pattern: '^mqtts://[^/@\\s]+$',
        description:
          'Where gateways reach the broker in TLS, told to them when they enrol; without it the host by which they reached the hub, and the embedded broker’s port, or 8883 of mqtt.broker',
      }),
    ),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'How gateways get certificates of the hub’s own authority',
  },
);
export type EnrolmentConfig = Static<typeof EnrolmentConfig>;
