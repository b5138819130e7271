/** Looks at devices through their gateways: a whole server or device as YAML, and what is there right now. */
import { NodeLevel, NodesAsk, Registers, RegistersAsk } from '@lineside/shared/contracts/device-look.ts';
import { BrowseAsk, DeviceFound, ProbeAsk } from '@lineside/shared/contracts/fleet.ts';
import { Type } from 'typebox';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';
import { aboutGateway, gatewayAsker } from './gateway-asker.ts';

/** How long somebody waits for one level or some registers, and for a whole device. Milliseconds. */
const GLANCE_MS = 30_000;
const LOOK_MS = 120_000;

const LOOKING = 'How far it is, is a job on the live socket. ';
const NOW =
  'Over the connection by which the gateway collects from the device; nothing is written, and no poll is left out for it. ';

export function deviceLookRoutes(app: Api, services: ApiServices): void {
  const ask = gatewayAsker(services);

  const browse = aboutGateway(
    ...(['browseThroughGateway', 'gateways.browse', 'What an OPC UA server has, seen from a gateway'] as const),
    ...([DeviceFound, LOOKING] as const),
  );
  app.post(
    '/gateways/:id/browse',
    { ...browse, schema: { ...browse.schema, body: Type.Omit(BrowseAsk, ['what']) } },
    ({ identity, params, body }) =>
      ask<DeviceFound>(identity!, params.id, { ...body, what: 'browse.opcua' }, LOOK_MS, 'Browse an OPC UA server'),
  );

  const probe = aboutGateway(
    ...(['probeThroughGateway', 'gateways.browse', 'What a Modbus device has, seen from a gateway'] as const),
    ...([DeviceFound, `Only reads, and never writes. ${LOOKING}`] as const),
  );
  app.post(
    '/gateways/:id/probe',
    { ...probe, schema: { ...probe.schema, body: Type.Omit(ProbeAsk, ['what']) } },
    ({ identity, params, body }) =>
      ask<DeviceFound>(identity!, params.id, { ...body, what: 'probe.modbus' }, LOOK_MS, 'Probe a Modbus device'),
  );

  const nodes = aboutGateway(
    ...([
      'lookAtNodes',
      'gateways.browse',
      'What lies right below a node of an OPC UA device, with its values',
    ] as const),
    ...([NodeLevel, NOW] as const),
  );
  app.post(
    '/gateways/:id/nodes',
    { ...nodes, schema: { ...nodes.schema, body: Type.Omit(NodesAsk, ['what']) } },
    (request) => {
      const { identity, params, body } = request;
      request.auditNote = { target: `${params.id}/${body.device}` };
      return ask<NodeLevel>(identity!, params.id, { ...body, what: 'look.nodes' }, GLANCE_MS);
    },
  );

  const registers = aboutGateway(
    ...(['lookAtRegisters', 'gateways.browse', 'What registers or bits of a Modbus device hold'] as const),
    ...([Registers, NOW] as const),
  );
  app.post(
    '/gateways/:id/registers',
    { ...registers, schema: { ...registers.schema, body: Type.Omit(RegistersAsk, ['what']) } },
    (request) => {
      const { identity, params, body } = request;
      request.auditNote = { target: `${params.id}/${body.device}` };
      return ask<Registers>(identity!, params.id, { ...body, what: 'look.registers' }, GLANCE_MS);
    },
  );
}
