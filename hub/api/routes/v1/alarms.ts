/** Alarms: those that are not normal, those that were, and acknowledging. */
import { AcknowledgeBody, AlarmView, Problem } from '@lineside/shared/contracts/api.ts';
import { Type } from 'typebox';
import { devicesWithin, reaches, within } from '../../../auth/identity.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const Page = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 }),
  before: Type.Optional(
    Type.Integer({ description: 'Only alarms raised before this time, milliseconds since 1970 UTC' }),
  ),
});

export function alarmRoutes(app: Api, { alarms, machines }: ApiServices): void {
  app.get(
    '/alarms',
    {
      config: { permission: 'alarms.read' },
      schema: {
        tags: ['alarms'],
        summary: 'All alarms, newest first',
        querystring: Page,
        response: { 200: Type.Array(AlarmView) },
      },
    },
    (request) => {
      const { limit, before } = request.query;
      const devices = devicesWithin(request.identity!, machines);
      return alarms.history(limit, before === undefined ? undefined : { raisedAt: before, occurrence: '' }, devices);
    },
  );

  app.get(
    '/alarms/active',
    {
      config: { permission: 'alarms.read' },
      schema: {
        tags: ['alarms'],
        summary: 'Alarms that are not normal, most urgent first',
        response: { 200: Type.Array(AlarmView) },
      },
    },
    (request) => within(request.identity!, alarms.open(), ({ machine }) => machine),
  );

  app.post(
    '/alarms/:occurrence/acknowledge',
    {
      config: { permission: 'alarms.acknowledge' },
      schema: {
        tags: ['alarms'],
        summary: 'Acknowledge an alarm; the answer shows it on its way to the gateway',
        params: Type.Object({ occurrence: Type.String({ minLength: 1, maxLength: 100 }) }),
        body: AcknowledgeBody,
        response: { 200: AlarmView, 404: Problem, 409: Problem },
      },
    },
    (request) => {
      const { name, sites } = request.identity!;
      const mine = (machine: string) => reaches({ sites }, machine);
      return alarms.acknowledge(request.params.occurrence, name, request.body.comment, mine);
    },
  );
}
