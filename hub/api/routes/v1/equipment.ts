/** The plant as a tree (ISA-95, IEC 62264-1): each level as a list, each node by its path, and what is below it. */
import { Equipment, Problem } from '@lineside/shared/contracts/api.ts';
import { pageOf, pageQuery } from '@lineside/shared/contracts/page.ts';
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';
import { type Static, Type } from 'typebox';
import { type Identity, reaches } from '../../../auth/identity.ts';
import { isAtOrBelow } from '../../../equipment/path.ts';
import type { EquipmentNode } from '../../../equipment/plant.ts';
import { compareKeys, pageOfSorted } from '../../../store/page.ts';
import type { ApiServices } from '../../services.ts';
import type { Api } from '../api.ts';
import { pathFilter } from '../filters.ts';

type Level = EquipmentNode['level'];

/** The levels that are resources of their own, and what is below each. */
const LEVELS: readonly { level: Level; many: string; below?: string }[] = [
  { level: 'site', many: 'sites', below: 'areas' },
  { level: 'area', many: 'areas', below: 'lines' },
  { level: 'line', many: 'lines', below: 'cells' },
  { level: 'cell', many: 'cells' },
];
const SORTS = ['path', 'name'] as const;

const under = pathFilter('path of equipment: only what is at or below it');
const LevelQuery = pageQuery(SORTS, { under });
const ChildQuery = pageQuery(SORTS, {});
const TreeQuery = pageQuery(SORTS, {
  level: Type.Optional(Type.Enum(['enterprise', 'site', 'area', 'line', 'cell'])),
  parent: pathFilter('path of the level above: only its children'),
  under,
});
const ByPath = Type.Object({
  path: Type.String({
    minLength: 1,
    maxLength: 400,
    description: 'the whole path, its slashes written as %2F: acme%2Fhamburg',
  }),
});
const Nodes = pageOf(Equipment);

interface Wanted {
  level?: Level | undefined;
  parent?: string | undefined;
  under?: string | undefined;
}

export function equipmentRoutes(app: Api, { equipment }: ApiServices): void {
  const tree = new EquipmentTree(equipment);

  app.get(
    '/equipment',
    {
      config: { permission: 'plant.read' },
      schema: {
        ...{ tags: ['plant'], operationId: 'listEquipment', querystring: TreeQuery, response: { 200: Nodes } },
        summary: 'The plant’s equipment, parents before their children',
      },
    },
    (request) => tree.page(request.identity!, request.query, request.query),
  );

  app.get(
    '/equipment/:path',
    {
      config: { permission: 'plant.read', problems: ['EQUIPMENT_NOT_FOUND'] },
      schema: {
        ...{ tags: ['plant'], operationId: 'getEquipment', params: ByPath },
        summary: 'One node of the plant',
        response: { 200: Equipment, 404: Problem },
      },
    },
    (request) => tree.one(request.identity!, request.params.path),
  );

  app.get(
    '/equipment/:path/children',
    {
      config: { permission: 'plant.read', problems: ['EQUIPMENT_NOT_FOUND'] },
      schema: {
        ...{ tags: ['plant'], operationId: 'listChildren', params: ByPath, querystring: ChildQuery },
        summary: 'The nodes right below one',
        response: { 200: Nodes, 404: Problem },
      },
    },
    (request) => {
      const { path: parent } = tree.one(request.identity!, request.params.path);
      return tree.page(request.identity!, request.query, { parent });
    },
  );

  for (const { level, many, below } of LEVELS) levelRoutes(app, tree, level, many, below);
}

function levelRoutes(app: Api, tree: EquipmentTree, level: Level, many: string, below: string | undefined): void {
  const Many = many[0]!.toUpperCase() + many.slice(1);
  app.get(
    `/${many}`,
    {
      config: { permission: 'plant.read' },
      schema: {
        ...{ tags: ['plant'], operationId: `list${Many}`, querystring: LevelQuery, response: { 200: Nodes } },
        summary: `The plant’s ${many}`,
      },
    },
    (request) => tree.page(request.identity!, request.query, { level, under: request.query.under }),
  );
  app.get<{ Params: Static<typeof ByPath> }>(
    `/${many}/:path`,
    {
      config: { permission: 'plant.read', problems: ['EQUIPMENT_NOT_FOUND'] },
      schema: {
        ...{ tags: ['plant'], operationId: `get${Many.slice(0, -1)}`, params: ByPath },
        summary: `One ${level}`,
        response: { 200: Equipment, 404: Problem },
      },
    },
    (request) => tree.one(request.identity!, request.params.path, level),
  );
  if (below === undefined) return;
  app.get<{ Params: Static<typeof ByPath>; Querystring: Static<typeof ChildQuery> }>(
    `/${many}/:path/${below}`,
    {
      config: { permission: 'plant.read', problems: ['EQUIPMENT_NOT_FOUND'] },
      schema: {
        ...{ tags: ['plant'], operationId: `list${below[0]!.toUpperCase()}${below.slice(1)}Of${Many.slice(0, -1)}` },
        ...{ params: ByPath, querystring: ChildQuery, response: { 200: Nodes, 404: Problem } },
        summary: `The ${below} of one ${level}`,
      },
    },
    (request) => {
      const { path: parent } = tree.one(request.identity!, request.params.path, level);
      return tree.page(request.identity!, request.query, { parent });
    },
  );
}

/** The nodes, sorted once: the plant's file is read at the start. */
class EquipmentTree {
  readonly #byPath = new Map<string, Equipment>();
  readonly #sorted: Record<(typeof SORTS)[number], Equipment[]>;

  constructor(nodes: readonly EquipmentNode[]) {
    const children = Map.groupBy(nodes, ({ parent }) => parent);
    for (const node of nodes) this.#byPath.set(node.path, viewOf(node, children.get(node.path)?.length ?? 0));
    const all = [...this.#byPath.values()];
    this.#sorted = {
      path: all.toSorted((a, b) => compareKeys([a.path], [b.path])),
      name: all.toSorted((a, b) => compareKeys([a.name, a.path], [b.name, b.path])),
    };
  }

  /** @throws LinesideError EQUIPMENT_NOT_FOUND */
  one(identity: Identity, path: string, level?: Level): Equipment {
    const node = this.#byPath.get(path);
    if (node && (level === undefined || node.level === level) && shows(identity, path)) return node;
    throw new LinesideError('EQUIPMENT_NOT_FOUND', 'peer', `there is no ${level ?? 'equipment'} ${path}`);
  }

  /** @throws LinesideError CURSOR_INVALID */
  page(
    identity: Identity,
    { sort, ...asked }: { sort: string; limit: number; cursor?: string | undefined },
    { level, parent, under }: Wanted,
  ) {
    const turned = sort.startsWith('-');
    const order = sort.endsWith('name') ? 'name' : 'path';
    return pageOfSorted(
      {
        ...{ name: `equipment:${order}`, items: this.#sorted[order], turned },
        keysOf: ({ name, path }: Equipment) => (order === 'name' ? [name, path] : [path]),
        only: (node: Equipment) =>
          (level === undefined || node.level === level) &&
          (parent === undefined || node.parent === parent) &&
          (under === undefined || isAtOrBelow(node.path, under)) &&
          shows(identity, node.path),
      },
      asked,
    );
  }
}

function viewOf({ path, parent, level, name, settings }: EquipmentNode, children: number): Equipment {
  const view: Equipment = { path, parent, level, name, children };
  for (const word of ['timeZone', 'gateway', 'device'] as const) {
    if (typeof settings[word] === 'string') view[word] = settings[word];
  }
  return view;
}

/** What lies within somebody's sites, and what leads to them, so that it is one tree. */
function shows(identity: Identity, path: string): boolean {
  return reaches(identity, path) || identity.sites!.some((site) => site.startsWith(`${path}/`));
}
