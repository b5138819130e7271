/** A configuration on its way to several gateways. */
import { type Static, Type } from 'typebox';
import { MAX_CONFIG_CHARACTERS } from './fleet.ts';
import { GATEWAY_ID_PATTERN } from './topics.ts';

const Ms = Type.Integer({ description: 'milliseconds since 1970 UTC' });

export const ConfirmWithin = Type.Integer({
  minimum: 5,
  maximum: 600,
  default: 30,
  description: 'a gateway that the hub has not seen with it for so many seconds goes back to what it had',
});

export const WithRestart = Type.Boolean({
  default: false,
  description:
    'where settings need a restart: start anew with it, and have it on trial from then on. hub.accept must name restart, and the permission gateways.restart is needed',
});

export const RolloutBody = Type.Object(
  {
    gateways: Type.Array(Type.String({ pattern: GATEWAY_ID_PATTERN }), {
      minItems: 1,
      maxItems: 2_000,
      uniqueItems: true,
    }),
    config: Type.String({
      minLength: 1,
      maxLength: MAX_CONFIG_CHARACTERS,
      description: 'YAML; gateway, dataDir and hub of it are left out: each gateway keeps its own',
    }),
    first: Type.Integer({
      minimum: 1,
      maximum: 2_000,
      default: 1,
      description: 'so many gateways in the first wave',
    }),
    each: Type.Integer({ minimum: 1, maximum: 100, default: 5, description: 'and in each one after it' }),
    confirmWithinSeconds: ConfirmWithin,
    restart: WithRestart,
  },
  { additionalProperties: false },
);

const RolloutGateway = Type.Object({
  gateway: Type.String(),
  wave: Type.Integer({ minimum: 1 }),
  state: Type.Enum(['waiting', 'running', 'done', 'failed', 'notSent']),
  detail: Type.String({ description: 'what came of it' }),
  changedAt: Ms,
});

export const RolloutView = Type.Object({
  id: Type.String(),
  by: Type.String(),
  at: Ms,
  endedAt: Type.Union([Ms, Type.Null()]),
  state: Type.Enum(['running', 'done', 'stopped']),
  reason: Type.String({ description: 'why it ended before the last gateway; empty when it did not' }),
  gateways: Type.Array(RolloutGateway, { description: 'by wave' }),
});
export type RolloutView = Static<typeof RolloutView>;
