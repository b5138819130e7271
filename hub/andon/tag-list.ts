/** The plant's tags as lists: sorted once for each order, until there are other tags, and read a page at a time. */
import type { Tag } from '@lineside/shared/contracts/api.ts';
import type { Page } from '@lineside/shared/contracts/page.ts';
import { isAtOrBelow } from '../equipment/path.ts';
import type { Machine } from '../equipment/plant.ts';
import { type Asked, compareKeys, type Key, pageOfSorted } from '../store/page.ts';
import type { AndonBoard } from './board.ts';
import { globOf } from './glob.ts';
import type { HubTag } from './tag-catalog.ts';

export const TAG_SORTS = ['name', 'machine', 'gateway', 'id'] as const;

export interface TagFilter {
  /** Path of a machine. */
  machine?: string | undefined;
  /** Path of any equipment: tags of the machines at or below it. */
  under?: string | undefined;
  gateway?: string | undefined;
  device?: string | undefined;
  /** With * and ? as wildcards. */
  name?: string | undefined;
  type?: string | undefined;
  writable?: boolean | undefined;
  ids?: ReadonlySet<number> | undefined;
}

interface Entry {
  tag: HubTag;
  /** Those that its device gives values to. */
  machines: readonly Machine[];
  keys: readonly Key[];
}

export class TagList {
  readonly #board: AndonBoard;
  readonly #machines: ReadonlyMap<string, readonly Machine[]>;
  readonly #sorted = new Map<string, Entry[]>();
  #version = -1;

  constructor(board: AndonBoard, machines: readonly Machine[]) {
    this.#board = board;
    this.#machines = Map.groupBy(machines, ({ gateway, device }) => `${gateway}/${device}`);
  }

  /**
   * @param sort one of TAG_SORTS, turned round with a minus before it
   * @param sees whether equipment of this path is there for whoever asks; '' for what belongs to no machine
   * @throws LinesideError CURSOR_INVALID
   */
  page(query: TagFilter & Asked & { sort: string }, sees: (path: string) => boolean): Page<HubTag> {
    const turned = query.sort.startsWith('-');
    const order = turned ? query.sort.slice(1) : query.sort;
    const only = filterOf(query);
    const { items, next } = pageOfSorted(
      {
        ...{ name: `tags:${order}`, items: this.#entries(order), turned },
        keysOf: ({ keys }: Entry) => keys,
        only: (entry: Entry) => only(entry) && isSeen(entry.machines, sees),
      },
      query,
    );
    return { items: items.map(({ tag }) => tag), next };
  }

  /** A tag that goes by this id at present, with what there is to know of it. */
  one(id: number, sees: (path: string) => boolean): Tag | undefined {
    const tag = this.#board.catalog.current(id);
    return tag && !isHidden(tag) && isSeen(this.#machinesOf(tag), sees) ? this.view(tag) : undefined;
  }

  view(tag: HubTag): Tag {
    const [machine] = this.#machinesOf(tag);
    return { ...this.#board.tagView(tag, machine), description: tag.description, machine: machine?.path ?? '' };
  }

  #machinesOf({ gateway, device }: HubTag): readonly Machine[] {
    return this.#machines.get(`${gateway}/${device}`) ?? [];
  }

  #entries(order: string): Entry[] {
    const { catalog } = this.#board;
    if (this.#version !== catalog.version) {
      this.#version = catalog.version;
      this.#sorted.clear();
    }
    let entries = this.#sorted.get(order);
    if (!entries) {
      entries = catalog
        .all()
        .filter((tag) => !isHidden(tag))
        .map((tag) => this.#entry(tag, order))
        .sort((a, b) => compareKeys(a.keys, b.keys));
      this.#sorted.set(order, entries);
    }
    return entries;
  }

  #entry(tag: HubTag, order: string): Entry {
    const { id, gateway, device, name } = tag;
    const machines = this.#machinesOf(tag);
    const small = name.toLowerCase();
    switch (order) {
      case 'id':
        return { tag, machines, keys: [id] };
      case 'gateway':
        return { tag, machines, keys: [gateway, device, small, id] };
      case 'machine':
        return { tag, machines, keys: [machines[0]?.path ?? '', small, id] };
      default:
        return { tag, machines, keys: [small, gateway, device, id] };
    }
  }
}

/** The gateways' own. */
function isHidden({ name }: HubTag): boolean {
  return name.startsWith('$');
}

function isSeen(machines: readonly Machine[], sees: (path: string) => boolean): boolean {
  return machines.length === 0 ? sees('') : machines.some(({ path }) => sees(path));
}

function filterOf(filter: TagFilter): (entry: Entry) => boolean {
  const { machine, under, gateway, device, type, writable, ids } = filter;
  const named = filter.name === undefined ? undefined : globOf(filter.name);
  return ({ tag, machines }) =>
    (gateway === undefined || tag.gateway === gateway) &&
    (device === undefined || tag.device === device) &&
    (type === undefined || tag.type === type) &&
    (writable === undefined || (tag.writable ?? false) === writable) &&
    (ids === undefined || ids.has(tag.id)) &&
    (machine === undefined || machines.some(({ path }) => path === machine)) &&
    (under === undefined || machines.some(({ path }) => isAtOrBelow(path, under))) &&
    (named === undefined || named(tag.name));
}
