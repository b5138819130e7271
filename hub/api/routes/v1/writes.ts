/** Setting tags, and who did. */
import { Problem, WriteBody, WriteView } from '@lineside/shared/contracts/api.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { WriteOutcome } from '@lineside/shared/contracts/write.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { Type } from 'typebox';
import { devicesWithin, type Identity, seesDevice } from '../../../auth/identity.ts';
import { actorOf } from '../../plugins/session.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';
import { NameFilter } from '../filters.ts';

const Filter = pageQuery(['-at'], { gateway: NameFilter, device: NameFilter, tag: NameFilter, user: NameFilter });

export function writeRoutes(app: Api, { writes, board, machines }: ApiServices): void {
  const sees = (identity: Identity, { gateway, device }: { gateway: string; device: string }) =>
    seesDevice(identity, machines, gateway, device);

  app.post(
    '/tags/:id/write',
    {
      config: {
        ...{ permission: 'tags.write', audit: 'tag.write', deskNotes: true },
        problems: [
          ...(['TAG_NOT_FOUND', 'TAG_NOT_WRITABLE', 'VALUE_REFUSED', 'GATEWAY_OFFLINE'] as const),
          ...(['TOO_MANY_WRITES', 'WRITE_UNKNOWN'] as const),
        ],
      },
      schema: {
        tags: ['writes'],
        operationId: 'writeTag',
        summary: 'Set a tag, and wait for what became of it: ok is false when the gateway or the device refused it',
        description:
          'Sent once and never kept for later. Nothing was written: TAG_NOT_FOUND, TAG_NOT_WRITABLE, VALUE_REFUSED, ' +
          'GATEWAY_OFFLINE, TOO_MANY_WRITES. It may have been written: WRITE_UNKNOWN.',
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        body: WriteBody,
        response: { 200: WriteOutcome, 400: Problem, 404: Problem, 409: Problem, 429: Problem, 504: Problem },
      },
    },
    (request) => {
      const { value, comment } = request.body;
      const { id } = request.params;
      const tag = board.catalog.current(id);
      if (tag && !sees(request.identity!, tag))
        throw new LinesideError('TAG_NOT_FOUND', 'peer', `there is no tag ${id}`);
      return writes.request(actorOf(request), id, value, comment);
    },
  );

  app.get(
    '/writes',
    {
      config: { permission: 'writes.read' },
      schema: {
        tags: ['writes'],
        operationId: 'listWrites',
        summary: 'Who set which tag, or tried to, newest first',
        querystring: Filter,
        response: { 200: pageOf(WriteView), 400: Problem },
      },
    },
    (request) => writes.list({ ...request.query, devices: devicesWithin(request.identity!, machines) }),
  );
}
