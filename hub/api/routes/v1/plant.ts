/** The plant: its equipment, its machines now, and the figures behind them. */
import { GatewayView, MachineView, Oee, Overview, Problem } from '@lineside/shared/contracts/api.ts';
import { EquipmentProposal } from '@lineside/shared/contracts/proposal.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { reaches, within } from '../../../auth/identity.ts';
import { equipmentProposals } from '../../../equipment/proposals.ts';
import { type ApiServices, gatewaysOf, overviewOf } from '../../services.ts';
import type { Api } from '../api.ts';

const Node = Type.Object({
  path: Type.String(),
  parent: Type.Union([Type.String(), Type.Null()]),
  level: Type.String({ description: 'enterprise, site, area, line or cell (ISA-95)' }),
  name: Type.String(),
});

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
      config: { permission: 'plant.read' },
      schema: { tags: ['plant'], summary: 'The present picture of the plant', response: { 200: Overview } },
    },
    (request) => overviewOf(services, request.identity!),
  );

  app.get(
    '/equipment',
    {
      config: { permission: 'plant.read' },
      schema: {
        tags: ['plant'],
        summary: 'The equipment hierarchy, parents before their children',
        response: { 200: Type.Array(Node) },
      },
    },
    (request) => {
      const { sites } = request.identity!;
      // With what leads to them, so that it is one tree.
      const shown = services.equipment.filter(
        ({ path }) => reaches({ sites }, path) || sites?.some((site) => site.startsWith(`${path}/`)),
      );
      return shown.map(({ path, parent, level, name }) => ({ path, parent, level, name }));
    },
  );

  app.get(
    '/equipment/proposals',
    {
      config: { permission: 'gateways.read' },
      schema: {
        tags: ['plant'],
        summary: 'Devices that send data and are no machines yet, each with a cell for the plant’s file',
        response: { 200: Type.Array(EquipmentProposal) },
      },
    },
    (request) => {
      // They have no place in the plant yet.
      if (request.identity!.sites) return [];
      const { board, machines } = services;
      return equipmentProposals({ machines, gateways: board.gateways.all(), tagsOf: board.tagsOfDevices() });
    },
  );

  app.get(
    '/machines',
    {
      config: { permission: 'plant.read' },
      schema: { tags: ['plant'], summary: 'Every machine now', response: { 200: Type.Array(MachineView) } },
    },
    (request) => within(request.identity!, services.board.machines(), ({ path }) => path),
  );

  app.get(
    '/gateways',
    {
      config: { permission: 'gateways.read' },
      schema: { tags: ['plant'], summary: 'Every gateway now', response: { 200: Type.Array(GatewayView) } },
    },
    (request) => gatewaysOf(services, request.identity!),
  );

  app.get(
    '/oee',
    {
      config: { permission: 'plant.read' },
      schema: {
        tags: ['plant'],
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
