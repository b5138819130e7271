/** Tags: what they are and their last values. */
import { LastValue, Problem, Tag } from '@lineside/shared/contracts/api.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { type Static, Type } from 'typebox';
import { TAG_SORTS, TagList } from '../../../andon/tag-list.ts';
import { type Identity, reaches } from '../../../auth/identity.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';
import { NameFilter, pathFilter } from '../filters.ts';

const Filter = pageQuery(TAG_SORTS, {
  machine: pathFilter('path of the machine'),
  under: pathFilter('path of equipment: tags of the machines at or below it'),
  gateway: NameFilter,
  device: NameFilter,
  name: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'with * and ? as wildcards, such as *temperature*' }),
  ),
  type: Type.Optional(Type.Enum(['float64', 'integer', 'boolean', 'string'])),
  writable: Type.Optional(Type.Boolean({ description: 'true: those that may be set; false: the others' })),
  ids: Type.Optional(
    Type.String({
      pattern: '^\\d{1,10}(,\\d{1,10}){0,999}$',
      description: 'only these, with commas between them',
      examples: ['31,32'],
    }),
  ),
});

export function tagRoutes(app: Api, { board, machines }: ApiServices): void {
  const list = new TagList(board, machines);
  const paths = new Set(machines.map(({ path }) => path));

  /** @throws LinesideError MACHINE_NOT_FOUND, CURSOR_INVALID */
  const pageFor = (identity: Identity, { ids, ...query }: Static<typeof Filter>) => {
    const { machine } = query;
    if (machine !== undefined && !(paths.has(machine) && reaches(identity, machine))) {
      throw new LinesideError('MACHINE_NOT_FOUND', 'peer', `there is no machine ${machine}`);
    }
    const wanted = ids === undefined ? undefined : new Set(ids.split(',').map(Number));
    return list.page({ ...query, ids: wanted }, (path) => reaches(identity, path));
  };

  app.get(
    '/tags',
    {
      config: { permission: 'tags.read', problems: ['MACHINE_NOT_FOUND'], picture: true },
      schema: {
        tags: ['tags'],
        operationId: 'listTags',
        summary: 'Tags with their last values',
        querystring: Filter,
        response: { 200: pageOf(Tag), 404: Problem },
      },
    },
    (request) => {
      const { items, next } = pageFor(request.identity!, request.query);
      return { items: items.map((tag) => list.view(tag)), next };
    },
  );

  app.get(
    '/tags/last',
    {
      config: { permission: 'tags.read', problems: ['MACHINE_NOT_FOUND'], picture: true },
      schema: {
        tags: ['tags'],
        operationId: 'listLastValues',
        summary: 'The last values of tags, and nothing else of them: for whoever polls',
        description: 'To be told of every change instead of asking, use the live socket.',
        querystring: Filter,
        response: { 200: pageOf(LastValue), 404: Problem },
      },
    },
    (request) => {
      const { items, next } = pageFor(request.identity!, request.query);
      const last = items.map((tag) => {
        const { id, at, value, quality } = board.tagView(tag, undefined);
        return { id, at, value, quality };
      });
      return { items: last, next };
    },
  );

  app.get(
    '/tags/:id',
    {
      config: { permission: 'tags.read', problems: ['TAG_NOT_FOUND'] },
      schema: {
        tags: ['tags'],
        operationId: 'getTag',
        summary: 'One tag with its last value',
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        response: { 200: Tag, 404: Problem },
      },
    },
    (request) => {
      const { id } = request.params;
      const tag = list.one(id, (path) => reaches(request.identity!, path));
      if (!tag) throw new LinesideError('TAG_NOT_FOUND', 'peer', `there is no tag ${id}`);
      return tag;
    },
  );
}
