/** Whether all that was measured is here. */
import { Problem } from '@lineside/shared/contracts/api.ts';
import { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import { Type } from 'typebox';
import { seesDevice, seesGateway } from '../../../auth/identity.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

export function completenessRoutes(app: Api, { completeness, machines }: ApiServices): void {
  app.get(
    '/completeness',
    {
      config: { permission: 'plant.read' },
      schema: {
        tags: ['plant'],
        summary: 'For each gateway and device, whether all of a day is stored, or what is missing and why',
        querystring: Type.Object({
          day: Type.Optional(Type.String({ maxLength: 10, description: 'such as 2026-11-22; without it today' })),
        }),
        response: { 200: Type.Array(CompletenessStatement), 400: Problem },
      },
    },
    async (request) => {
      const identity = request.identity!;
      const all = await completeness.ofDay(request.query.day);
      if (identity.sites === null) return all;
      return all
        .filter(({ gateway }) => seesGateway(identity, machines, gateway))
        .map((statement) => ({
          ...statement,
          devices: statement.devices.filter(({ device }) =>
            seesDevice(identity, machines, statement.gateway, device),
          ),
        }));
    },
  );
}
