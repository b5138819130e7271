/** What all routes share that ask something of one gateway and wait for its answer. */
import { Problem } from '@lineside/shared/contracts/api.ts';
import type { FleetAsk } from '@lineside/shared/contracts/fleet.ts';
import type { Permission } from '@lineside/shared/contracts/permissions.ts';
import { type TSchema, Type } from 'typebox';
import { expectOwnGateway, type Identity } from '../../../auth/identity.ts';
import type { ProblemCode } from '../../problem-list.ts';
import type { ApiServices } from '../../services.ts';

export const gatewayParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) });

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

/**
 * As what asking a gateway stands in the audit log: what changes something, and what reaches a device. Reading the
 * gateway's own file and log does neither.
 */
const ACTIONS: Record<string, string> = {
  checkGatewayConfig: 'gateway.check-config',
  restartGateway: 'gateway.restart',
  browseThroughGateway: 'gateway.browse',
  probeThroughGateway: 'gateway.probe',
  lookAtNodes: 'gateway.look-at-nodes',
  lookAtRegisters: 'gateway.look-at-registers',
};

/** What a route says of itself. */
export function aboutGateway<Answer extends TSchema>(
  operationId: string,
  permission: Permission,
  summary: string,
  answer: Answer,
  more = '',
) {
  return {
    config: { permission, audit: ACTIONS[operationId] ?? null, problems: PROBLEMS },
    schema: {
      ...{ tags: ['gateways'], operationId, summary, params: gatewayParams, description: `${more}${NOT_SENT}` },
      response: { 200: answer, 404: Problem, 409: Problem, 502: Problem, 504: Problem },
    },
  };
}

/** Asks a gateway that is the asker's own; with a title, it says on the live socket how far it is. */
export function gatewayAsker({ fleet, machines, board, now }: ApiServices) {
  return <T>(identity: Identity, gateway: string, what: FleetAsk, patienceMs: number, title = ''): Promise<T> => {
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
}
