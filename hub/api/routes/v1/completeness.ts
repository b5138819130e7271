/** Whether all that was measured is here. */
import { Problem } from '@lineside/shared/contracts/api.ts';
import { CompletenessStatement } from '@lineside/shared/contracts/completeness.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { Type } from 'typebox';
import { gatewaysWithin } from '../../../auth/identity.ts';
import { compareKeys, pageOfSorted } from '../../../store/page.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

export function completenessRoutes(app: Api, { completeness, machines }: ApiServices): void {
  app.get(
    '/completeness',
    {
      config: { permission: 'plant.read', problems: ['DAY_INVALID'] },
      schema: {
        tags: ['plant'],
        summary: 'For each gateway and device, whether all of a day is stored, or what is missing and why',
        operationId: 'listCompleteness',
        querystring: pageQuery(['gateway'], {
          day: Type.Optional(Type.String({ maxLength: 10, description: 'such as 2026-11-22; without it today' })),
        }),
        response: { 200: pageOf(CompletenessStatement), 400: Problem },
      },
    },
    async (request) => {
      const { day, sort, ...asked } = request.query;
      const all = await completeness.ofDay(day);
      const items = gatewaysWithin(request.identity!, machines, all, ({ gateway }) => gateway);
      const keysOf = ({ gateway }: CompletenessStatement) => [gateway];
      const sorted = items.toSorted((a, b) => compareKeys(keysOf(a), keysOf(b)));
      return pageOfSorted({ name: 'completeness', items: sorted, keysOf, turned: sort.startsWith('-') }, asked);
    },
  );
}
