/** Gateways, from afar. */
import { Problem } from '@lineside/shared/contracts/api.ts';
import { ConfigPushResult, MAX_CONFIG_CHARACTERS } from '@lineside/shared/contracts/link.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { ownsGateway } from '../../../auth/identity.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';

const Body = Type.Object({
  config: Type.String({ minLength: 1, maxLength: MAX_CONFIG_CHARACTERS, description: 'the whole file, YAML' }),
});

export function fleetRoutes(app: Api, { configs, machines }: ApiServices): void {
  app.post(
    '/gateways/:id/config',
    {
      config: {
        permission: 'gateways.configure',
        problems: ['GATEWAY_NOT_FOUND', 'GATEWAY_OFFLINE', 'CONFIG_PENDING', 'CONFIG_UNKNOWN'],
      },
      bodyLimit: 4 * MAX_CONFIG_CHARACTERS,
      schema: {
        tags: ['gateways'],
        operationId: 'pushGatewayConfig',
        summary: 'Give a gateway another configuration, and wait for what it makes of it',
        description:
          'The gateway checks it, makes everything ready, and exchanges all or nothing; only what runs takes the place of ' +
          'its file. It must have hub.acceptConfig: true. Not sent: GATEWAY_NOT_FOUND, GATEWAY_OFFLINE, CONFIG_PENDING. ' +
          'It may have been taken over: CONFIG_UNKNOWN.',
        params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) }),
        body: Body,
        response: { 200: ConfigPushResult, 404: Problem, 409: Problem, 504: Problem },
      },
    },
    (request) => {
      const { id } = request.params;
      const { identity } = request;
      if (!ownsGateway(identity!, machines, id)) {
        throw new LinesideError('GATEWAY_NOT_FOUND', 'peer', `there is no gateway ${id} that is all yours`);
      }
      return configs.push(identity!.name, id, request.body.config);
    },
  );
}
