/** Machines and gateways as they are now. */
import { GatewayView, MachineView, Problem } from '@lineside/shared/contracts/api.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { globOf } from '../../../andon/glob.ts';
import { within } from '../../../auth/identity.ts';
import { isAtOrBelow } from '../../../equipment/path.ts';
import { compareKeys, type Key, pageOfSorted } from '../../../store/page.ts';
import { type ApiServices, gatewaysOf } from '../../services.ts';
import type { Api } from '../api.ts';
import { pathFilter } from '../filters.ts';

const MachineQuery = pageQuery(['path', 'name'], {
  under: pathFilter('path of equipment: machines at or below it'),
  status: Type.Optional(Type.Enum(['live', 'stale', 'offline', 'never'], { description: 'of the connection' })),
});

const GatewayQuery = pageQuery(['id', '-lastSeenAt'], {
  id: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'with * and ? as wildcards' })),
  online: Type.Optional(Type.Boolean()),
});

export function machineRoutes(app: Api, services: ApiServices): void {
  app.get(
    '/machines',
    {
      config: { permission: 'plant.read', picture: true },
      schema: {
        tags: ['plant'],
        operationId: 'listMachines',
        summary: 'Machines now',
        querystring: MachineQuery,
        response: { 200: pageOf(MachineView) },
      },
    },
    (request) => {
      const { under, status, sort } = request.query;
      const items = within(request.identity!, services.board.machines(), ({ path }) => path).filter(
        ({ path, connection }) =>
          (under === undefined || isAtOrBelow(path, under)) && (status === undefined || connection.status === status),
      );
      const keysOf = ({ name, path }: MachineView) => (sort.endsWith('name') ? [name, path] : [path]);
      return sortedPage('machines', items, keysOf, request.query);
    },
  );

  app.get(
    '/machines/:path',
    {
      config: { permission: 'plant.read', problems: ['MACHINE_NOT_FOUND'] },
      schema: {
        tags: ['plant'],
        operationId: 'getMachine',
        summary: 'One machine now',
        params: Type.Object({
          path: Type.String({ minLength: 1, maxLength: 400, description: 'its path, slashes written as %2F' }),
        }),
        response: { 200: MachineView, 404: Problem },
      },
    },
    (request) => {
      const { path } = request.params;
      const all = within(request.identity!, services.board.machines(), (machine) => machine.path);
      const machine = all.find((each) => each.path === path);
      if (!machine) throw new LinesideError('MACHINE_NOT_FOUND', 'peer', `there is no machine ${path}`);
      return machine;
    },
  );

  app.get(
    '/gateways',
    {
      config: { permission: 'gateways.read', picture: true },
      schema: {
        tags: ['gateways'],
        operationId: 'listGateways',
        summary: 'Gateways now',
        querystring: GatewayQuery,
        response: { 200: pageOf(GatewayView) },
      },
    },
    (request) => {
      const { id, online, sort } = request.query;
      const named = id === undefined ? undefined : globOf(id);
      const items = gatewaysOf(services, request.identity!).filter(
        (gateway) =>
          (online === undefined || gateway.online === online) && (named === undefined || named(gateway.id)),
      );
      const keysOf = (view: GatewayView) => (sort.endsWith('At') ? [view.lastSeenAt ?? 0, view.id] : [view.id]);
      return sortedPage('gateways', items, keysOf, request.query);
    },
  );

  app.get(
    '/gateways/:id',
    {
      config: { permission: 'gateways.read', problems: ['GATEWAY_NOT_FOUND'] },
      schema: {
        tags: ['gateways'],
        operationId: 'getGateway',
        summary: 'One gateway now',
        params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 250 }) }),
        response: { 200: GatewayView, 404: Problem },
      },
    },
    (request) => {
      const { id } = request.params;
      const gateway = gatewaysOf(services, request.identity!).find((each) => each.id === id);
      if (!gateway) throw new LinesideError('GATEWAY_NOT_FOUND', 'peer', `there is no gateway ${id}`);
      return gateway;
    },
  );
}

/** A page of a few hundred things that are another picture at each request. */
function sortedPage<T>(
  name: string,
  items: readonly T[],
  keysOf: (item: T) => readonly Key[],
  { sort, ...asked }: { sort: string; limit: number; cursor?: string | undefined },
) {
  const sorted = items.toSorted((a, b) => compareKeys(keysOf(a), keysOf(b)));
  const turned = sort.startsWith('-');
  return pageOfSorted({ name: `${name}:${turned ? sort.slice(1) : sort}`, items: sorted, keysOf, turned }, asked);
}
