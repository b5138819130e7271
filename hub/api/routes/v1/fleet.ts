/** Gateways, from afar. */
import { Problem } from '@lineside/shared/contracts/api.ts';
import {
  ConfigCheck,
  ConfigText,
  LogLines,
  MAX_CONFIG_CHARACTERS,
  MAX_LOG_LINES,
} from '@lineside/shared/contracts/fleet.ts';
import { ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { ConfirmWithin, RolloutBody, RolloutView, WithRestart } from '@lineside/shared/contracts/rollout.ts';
import { Type } from 'typebox';
import { expectOwnGateway, ownedGateways } from '../../../auth/identity.ts';
import type { StoredRollout } from '../../../store/postgres/rollouts.ts';
import { LONGEST_WORK_MS } from '../../plugins/patience.ts';
import { actorOf, expectMay } from '../../plugins/session.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';
import { aboutGateway, gatewayAsker, gatewayParams } from './gateway-asker.ts';

/** How long somebody waits for a short answer, and for a check. Milliseconds. */
const SHORT_MS = 15_000;
const CHECK_MS = 60_000;

/** Each names all of its gateways. */
const ROLLOUTS_A_PAGE = { usual: 20, most: 50 };
const BODY_BYTES = 4 * MAX_CONFIG_CHARACTERS;
const Config = Type.String({ minLength: 1, maxLength: MAX_CONFIG_CHARACTERS, description: 'the whole file, YAML' });
const Done = Type.Object({ done: Type.Literal(true) });

export function fleetRoutes(app: Api, services: ApiServices): void {
  const { configs, rollouts, machines } = services;
  const ask = gatewayAsker(services);

  app.get(
    '/gateways/:id/config',
    aboutGateway(
      'getGatewayConfig',
      'gateways.configure',
      'The configuration of a gateway, as its file is',
      ConfigText,
    ),
    (request) => ask<ConfigText>(request.identity!, request.params.id, { what: 'config.read' }, SHORT_MS),
  );

  const check = aboutGateway(
    ...([
      'checkGatewayConfig',
      'gateways.configure',
      'Have a gateway look at a configuration; nothing changes',
    ] as const),
    ConfigCheck,
  );
  app.post(
    '/gateways/:id/config/check',
    { ...check, bodyLimit: BODY_BYTES, schema: { ...check.schema, body: Type.Object({ config: Config }) } },
    (request) => {
      const { config } = request.body;
      // The file itself may hold secrets.
      request.auditNote = { after: { characters: config.length } };
      const what = { what: 'config.check', config } as const;
      return ask<ConfigCheck>(request.identity!, request.params.id, what, CHECK_MS);
    },
  );

  app.post(
    '/gateways/:id/config',
    {
      config: {
        ...{ permission: 'gateways.configure', audit: 'gateway.configure', deskNotes: true },
        longestMs: LONGEST_WORK_MS,
        problems: ['GATEWAY_NOT_FOUND', 'GATEWAY_OFFLINE', 'CONFIG_PENDING', 'CONFIG_UNKNOWN'],
      },
      bodyLimit: BODY_BYTES,
      schema: {
        tags: ['gateways'],
        operationId: 'pushGatewayConfig',
        summary: 'Give a gateway another configuration, and wait until the hub has seen it with it',
        description:
          'The gateway checks it, makes everything ready, and exchanges all or nothing. Then it is on trial: it takes the ' +
          'place of the file when the hub has seen the gateway with it, and otherwise the gateway goes back by itself ' +
          '(rolledBack). Settings that need a restart are named in needsRestart and not tried, unless `restart` has the gateway ' +
          'start anew with it. hub.accept of the gateway must name config. Not sent: GATEWAY_NOT_FOUND, GATEWAY_OFFLINE, ' +
          'CONFIG_PENDING. CONFIG_UNKNOWN: look at the hash of its configuration.',
        params: gatewayParams,
        body: Type.Object({ config: Config, confirmWithinSeconds: ConfirmWithin, restart: WithRestart }),
        response: { 200: ConfigPushResult, 404: Problem, 409: Problem, 504: Problem },
      },
    },
    (request) => {
      const { id } = request.params;
      expectOwnGateway(request.identity!, machines, id);
      const { config, confirmWithinSeconds, restart } = request.body;
      if (restart) expectMay(request.identity!, 'gateways.restart');
      return configs.push(actorOf(request), id, config, confirmWithinSeconds * 1_000, restart);
    },
  );

  app.post(
    '/gateways/:id/restart',
    aboutGateway('restartGateway', 'gateways.restart', 'End a gateway in order, so that it is started anew', Done),
    async (request) => {
      const { identity } = request;
      await ask(identity!, request.params.id, { what: 'restart' }, SHORT_MS, 'Restart');
      return { done: true as const };
    },
  );

  const logs = aboutGateway('getGatewayLogs', 'gateways.logs', 'The last lines of a gateway’s own log', LogLines);
  const Lines = Type.Integer({ minimum: 1, maximum: MAX_LOG_LINES, default: 200 });
  app.get(
    '/gateways/:id/logs',
    { ...logs, schema: { ...logs.schema, querystring: Type.Object({ lines: Lines }) } },
    (request) =>
      ask<LogLines>(request.identity!, request.params.id, { what: 'logs', lines: request.query.lines }, SHORT_MS),
  );

  app.get(
    '/rollouts',
    {
      config: { permission: 'gateways.configure' },
      schema: {
        tags: ['gateways'],
        operationId: 'listRollouts',
        summary: 'Configurations on their way to several gateways, and those that were, newest first',
        querystring: pageQuery(['-at'], {}, ROLLOUTS_A_PAGE),
        response: { 200: pageOf(RolloutView) },
      },
    },
    async (request) => {
      const { items, next } = await rollouts.list(request.query, ownedGateways(request.identity!, machines));
      return { items: items.map(viewOf), next };
    },
  );

  app.post(
    '/rollouts',
    {
      config: {
        ...{ permission: 'gateways.configure', audit: 'rollout.begin', deskNotes: true },
        problems: ['GATEWAY_NOT_FOUND', 'GATEWAY_OFFLINE', 'ROLLOUT_RUNNING'],
      },
      bodyLimit: BODY_BYTES,
      schema: {
        tags: ['gateways'],
        operationId: 'beginRollout',
        summary:
          'Bring a configuration to several gateways, wave after wave; it stops at the first that does not take it',
        description: 'Not begun: ROLLOUT_RUNNING, GATEWAY_NOT_FOUND, GATEWAY_OFFLINE (all of them must be there).',
        body: RolloutBody,
        response: { 200: Type.Object({ id: Type.String() }), 404: Problem, 409: Problem },
      },
    },
    async (request) => {
      const { gateways, config, first, each, confirmWithinSeconds, restart } = request.body;
      if (restart) expectMay(request.identity!, 'gateways.restart');
      for (const gateway of gateways) expectOwnGateway(request.identity!, machines, gateway);
      const confirmWithinMs = confirmWithinSeconds * 1_000;
      return {
        id: await rollouts.begin(actorOf(request), { gateways, config, first, each, confirmWithinMs, restart }),
      };
    },
  );

  app.post(
    '/rollouts/:id/stop',
    {
      config: {
        ...{ permission: 'gateways.configure', audit: 'rollout.stop', deskNotes: true },
        problems: ['ROLLOUT_NOT_FOUND'],
      },
      schema: {
        tags: ['gateways'],
        operationId: 'stopRollout',
        summary: 'Begin no further wave of a rollout; what is under way comes to its end',
        params: gatewayParams,
        response: { 200: Done, 404: Problem },
      },
    },
    async (request) => {
      const own = ownedGateways(request.identity!, machines);
      await rollouts.cancel(actorOf(request), request.params.id, own);
      return { done: true as const };
    },
  );
}

function viewOf({ by_whom, created_at, ended_at, gateways, ...rest }: StoredRollout): RolloutView {
  return {
    ...{ ...rest, by: by_whom, at: created_at, endedAt: ended_at },
    gateways: gateways.map(({ changed_at, ...each }) => ({ ...each, changedAt: changed_at })),
  };
}
