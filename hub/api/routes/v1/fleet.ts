/** Gateways, from afar. */
import { Problem } from '@lineside/shared/contracts/api.ts';
import {
  BrowseAsk,
  ConfigCheck,
  ConfigText,
  DeviceFound,
  type FleetAsk,
  LogLines,
  MAX_CONFIG_CHARACTERS,
  MAX_LOG_LINES,
  ProbeAsk,
} from '@lineside/shared/contracts/fleet.ts';
import { ConfigPushResult } from '@lineside/shared/contracts/link.ts';
import type { Permission } from '@lineside/shared/contracts/permissions.ts';
import { ConfirmWithin, RolloutBody, RolloutView } from '@lineside/shared/contracts/rollout.ts';
import { type TSchema, Type } from 'typebox';
import { expectOwnGateway, type Identity, ownsGateway } from '../../../auth/identity.ts';
import type { StoredRollout } from '../../../store/postgres/rollouts.ts';
import { actorOf } from '../../plugins/session.ts';
import type { ProblemCode } from '../../problem-list.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

/** How long somebody waits for a short answer, and for one that takes a look at a device. Milliseconds. */
const SHORT_MS = 15_000;
const CHECK_MS = 60_000;
const LOOK_MS = 120_000;

const BODY_BYTES = 4 * MAX_CONFIG_CHARACTERS;
const params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) });
const Config = Type.String({ minLength: 1, maxLength: MAX_CONFIG_CHARACTERS, description: 'the whole file, YAML' });
const NOT_SENT =
  'Not sent: GATEWAY_NOT_FOUND, GATEWAY_OFFLINE, GATEWAY_BUSY. GATEWAY_REFUSED: with its words, such as that its hub.accept ' +
  'does not name it. GATEWAY_SILENT: nobody knows.';
const PROBLEMS: ProblemCode[] = [
  'GATEWAY_NOT_FOUND',
  'GATEWAY_OFFLINE',
  'GATEWAY_BUSY',
  'GATEWAY_REFUSED',
  'GATEWAY_SILENT',
];
/** As what asking a gateway stands in the audit log. Reading its file and its log changes nothing. */
const ACTIONS: Record<string, string> = {
  checkGatewayConfig: 'gateway.check-config',
  restartGateway: 'gateway.restart',
  browseThroughGateway: 'gateway.browse',
  probeThroughGateway: 'gateway.probe',
};
const Done = Type.Object({ done: Type.Literal(true) });

export function fleetRoutes(app: Api, { configs, fleet, rollouts, machines, board, now }: ApiServices): void {
  const about = (operationId: string, permission: Permission, summary: string, answer: TSchema, more = '') => ({
    config: { permission, audit: ACTIONS[operationId] ?? null, problems: PROBLEMS },
    schema: {
      ...{ tags: ['gateways'], operationId, summary, params, description: `${more}${NOT_SENT}` },
      response: { 200: answer, 404: Problem, 409: Problem, 502: Problem, 504: Problem },
    },
  });
  /** Asks, and says on the live socket how far it is. */
  const ask = <T>(
    identity: Identity,
    gateway: string,
    what: FleetAsk,
    patienceMs: number,
    title = '',
  ): Promise<T> => {
    expectOwnGateway(identity, machines, gateway);
    if (!title) return fleet.ask<T>(identity.name, gateway, what, { patienceMs });
    const job = {
      id: crypto.randomUUID(),
      kind: what.what,
      title,
      by: identity.name,
      gateway,
      machine: '',
      at: now(),
    };
    const tell = (state: 'running' | 'done' | 'failed', detail: string) =>
      board.jobs.tell({ ...job, state, progress: null, detail, changedAt: now() });
    tell('running', '');
    const answer = fleet.ask<T>(identity.name, gateway, what, {
      patienceMs,
      onProgress: (words) => tell('running', words),
    });
    answer.then(
      () => tell('done', ''),
      (error: Error) => tell('failed', error.message),
    );
    return answer;
  };

  app.get(
    '/gateways/:id/config',
    about('getGatewayConfig', 'gateways.configure', 'The configuration of a gateway, as its file is', ConfigText),
    (request) => ask<ConfigText>(request.identity!, request.params.id, { what: 'config.read' }, SHORT_MS),
  );

  const check = about(
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
          '(rolledBack). hub.accept of the gateway must name config. Not sent: GATEWAY_NOT_FOUND, GATEWAY_OFFLINE, ' +
          'CONFIG_PENDING. CONFIG_UNKNOWN: look at the hash of its configuration.',
        params,
        body: Type.Object({ config: Config, confirmWithinSeconds: ConfirmWithin }),
        response: { 200: ConfigPushResult, 404: Problem, 409: Problem, 504: Problem },
      },
    },
    (request) => {
      const { id } = request.params;
      expectOwnGateway(request.identity!, machines, id);
      const { config, confirmWithinSeconds } = request.body;
      return configs.push(actorOf(request), id, config, confirmWithinSeconds * 1_000);
    },
  );

  app.post(
    '/gateways/:id/restart',
    about('restartGateway', 'gateways.restart', 'End a gateway in order, so that it is started anew', Done),
    async (request) => {
      const { identity } = request;
      await ask(identity!, request.params.id, { what: 'restart' }, SHORT_MS, 'Restart');
      return { done: true as const };
    },
  );

  const logs = about('getGatewayLogs', 'gateways.logs', 'The last lines of a gateway’s own log', LogLines);
  const Lines = Type.Integer({ minimum: 1, maximum: MAX_LOG_LINES, default: 200 });
  app.get(
    '/gateways/:id/logs',
    { ...logs, schema: { ...logs.schema, querystring: Type.Object({ lines: Lines }) } },
    (request) =>
      ask<LogLines>(request.identity!, request.params.id, { what: 'logs', lines: request.query.lines }, SHORT_MS),
  );

  const LOOKING = 'How far it is, is a job on the live socket. ';
  const browse = about(
    ...(['browseThroughGateway', 'gateways.browse', 'What an OPC UA server has, seen from a gateway'] as const),
    ...([DeviceFound, LOOKING] as const),
  );
  app.post(
    '/gateways/:id/browse',
    { ...browse, schema: { ...browse.schema, body: Type.Omit(BrowseAsk, ['what']) } },
    (request) => {
      const { identity, body } = request;
      return ask<DeviceFound>(
        ...([
          identity!,
          request.params.id,
          { ...body, what: 'browse.opcua' },
          LOOK_MS,
          'Browse an OPC UA server',
        ] as const),
      );
    },
  );

  const probe = about(
    ...(['probeThroughGateway', 'gateways.browse', 'What a Modbus device has, seen from a gateway'] as const),
    DeviceFound,
    `Only reads, and never writes. ${LOOKING}`,
  );
  app.post(
    '/gateways/:id/probe',
    { ...probe, schema: { ...probe.schema, body: Type.Omit(ProbeAsk, ['what']) } },
    (request) => {
      const { identity, body } = request;
      return ask<DeviceFound>(
        ...([
          identity!,
          request.params.id,
          { ...body, what: 'probe.modbus' },
          LOOK_MS,
          'Probe a Modbus device',
        ] as const),
      );
    },
  );

  app.get(
    '/rollouts',
    {
      config: { permission: 'gateways.configure' },
      schema: {
        tags: ['gateways'],
        operationId: 'listRollouts',
        summary: 'Configurations on their way to several gateways: the newest twenty',
        response: { 200: Type.Array(RolloutView) },
      },
    },
    async (request) => {
      const all = (await rollouts.list()).map(viewOf);
      return all.filter(({ gateways }) =>
        gateways.every((each) => ownsGateway(request.identity!, machines, each.gateway)),
      );
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
      const { gateways, config, first, each, confirmWithinSeconds } = request.body;
      for (const gateway of gateways) expectOwnGateway(request.identity!, machines, gateway);
      const confirmWithinMs = confirmWithinSeconds * 1_000;
      return { id: await rollouts.begin(actorOf(request), { gateways, config, first, each, confirmWithinMs }) };
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
        params,
        response: { 200: Done, 404: Problem },
      },
    },
    async (request) => {
      await rollouts.cancel(actorOf(request), request.params.id);
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
