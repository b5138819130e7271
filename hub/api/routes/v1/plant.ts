/** The plant: its equipment, its machines now, and the figures behind them. */
import { Oee, Overview, Problem } from '@lineside/shared/contracts/api.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { EquipmentProposal } from '@lineside/shared/contracts/proposal.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { reaches } from '../../../auth/identity.ts';
import { equipmentProposals } from '../../../equipment/proposals.ts';
import { compareKeys, pageOfSorted } from '../../../store/page.ts';
import { type ApiServices, overviewOf } from '../../services.ts';
import type { Api } from '../api.ts';

const Interval = Type.Object({
  from: Type.Integer({ description: 'milliseconds since 1970 UTC' }),
  to: Type.Integer({ description: 'not included' }),
  name: Type.String(),
  category: Type.String(),
});

export function plantRoutes(app: Api, services: ApiServices): void {
  app.get(
    '/overview',
    {
      config: { permission: 'plant.read', picture: true },
      schema: {
        tags: ['plant'],
        operationId: 'getOverview',
        summary: 'The present picture of the plant',
        response: { 200: Overview },
      },
    },
    (request) => overviewOf(services, request.identity!),
  );

  app.get(
    '/equipment/proposals',
    {
      config: { permission: 'gateways.read' },
      schema: {
        tags: ['plant'],
        operationId: 'listProposals',
        summary: 'Devices that send data and are no machines yet, each with a cell for the plant’s file',
        querystring: pageQuery(['device'], {}),
        response: { 200: pageOf(EquipmentProposal) },
      },
    },
    (request) => {
      // They have no place in the plant yet.
      if (request.identity!.sites) return { items: [], next: null };
      const { board, machines } = services;
      const { sort, ...asked } = request.query;
      const keysOf = ({ gateway, device }: EquipmentProposal) => [gateway, device];
      const items = equipmentProposals({
        ...{ machines, gateways: board.gateways.all(), tagsOf: board.tagsOfDevices() },
      }).sort((a, b) => compareKeys(keysOf(a), keysOf(b)));
      return pageOfSorted({ name: 'proposals', items, keysOf, turned: sort.startsWith('-') }, asked);
    },
  );

  app.get(
    '/oee',
    {
      config: { permission: 'plant.read', problems: ['MACHINE_NOT_FOUND'] },
      schema: {
        tags: ['plant'],
        operationId: 'getOee',
        summary: 'OEE of a machine’s running shift, with the states that it is made of',
        querystring: Type.Object({ machine: Type.String({ description: 'path of the machine' }) }),
        response: { 200: Type.Object({ oee: Oee, intervals: Type.Array(Interval) }), 404: Problem },
      },
    },
    (request) => {
      const machine = services.machines.find(({ path }) => path === request.query.machine);
      if (!machine || !reaches(request.identity!, machine.path))
        throw new LinesideError('MACHINE_NOT_FOUND', 'peer', `there is no machine ${request.query.machine}`);
      return services.oee.explain(machine);
    },
  );
}
