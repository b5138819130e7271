/** All groups of clients that want the same values, and which group each tag's values go to. */
import type { LiveValue } from '@lineside/shared/contracts/api.ts';
import type { AndonBoard } from '../../andon/board.ts';
import type { HubTag } from '../../andon/tag-catalog.ts';
import { PathFilter } from './path-filter.ts';
import type { PlantPaths, TagPath } from './plant-paths.ts';
import { ValueGroup, type ValueTaker } from './value-group.ts';

/** What values a client wants. */
export interface WantedValues {
  paths: string[];
  /** The hub's ids, all of which it may see. */
  tags: number[];
  maxRate: number;
  /** The equipment paths that it may see, with all below; null: all. */
  sites: readonly string[] | null;
}

export interface GroupTaker extends ValueTaker {
  /** Tags have come that the group's patterns mean. */
  tagsAdded(group: ValueGroup, tags: TagPath[]): void;
}

interface Entry {
  group: ValueGroup;
  filter: PathFilter | undefined;
  /** What its patterns mean. */
  meant: TagPath[];
}

export class ValueGroups {
  readonly #board: AndonBoard;
  readonly #paths: PlantPaths;
  readonly #entries = new Map<string, Entry>();
  readonly #byTag = new Map<number, Set<ValueGroup>>();
  readonly #unlisten: () => void;

  constructor(board: AndonBoard, paths: PlantPaths) {
    this.#board = board;
    this.#paths = paths;
    const values = (list: LiveValue[]) => this.#changed(list);
    const added = (tags: HubTag[]) => this.#added(tags);
    board.on('values', values);
    board.catalog.on('added', added);
    this.#unlisten = () => {
      board.off('values', values);
      board.catalog.off('added', added);
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * The tags that a wish means, and the way to join those who have the same wish.
   * @throws RangeError naming what is no pattern
   */
  find(wanted: WantedValues): { meant: TagPath[]; tags: ReadonlySet<number>; join(taker: GroupTaker): ValueGroup } {
    const key = keyOf(wanted);
    const entry = this.#entries.get(key) ?? this.#make(key, wanted);
    return {
      meant: entry.meant,
      tags: entry.group.tags,
      join: (taker) => {
        const { group } = entry;
        if (!this.#entries.has(key)) {
          this.#entries.set(key, entry);
          for (const tag of group.tags) this.#watch(tag, group);
        }
        group.takers.add(taker);
        return group;
      },
    };
  }

  leave(group: ValueGroup, taker: GroupTaker): void {
    if (!group.takers.delete(taker) || group.takers.size > 0) return;
    group.stop();
    this.#entries.delete(group.key);
    for (const tag of group.tags) {
      const groups = this.#byTag.get(tag);
      groups?.delete(group);
      if (groups?.size === 0) this.#byTag.delete(tag);
    }
    this.#board.watched.remove(group.tags);
  }

  stop(): void {
    this.#unlisten();
    for (const { group } of this.#entries.values()) group.stop();
  }

  #make(key: string, { paths, tags, maxRate, sites }: WantedValues): Entry {
    const group = new ValueGroup(key, maxRate, (tag) => this.#board.last(tag));
    const filter = paths.length > 0 ? new PathFilter(paths, sites) : undefined;
    const meant = filter ? this.#paths.meantBy(filter) : [];
    for (const id of tags) group.tags.add(id);
    for (const { tag } of meant) group.tags.add(tag.id);
    return { group, filter, meant };
  }

  #watch(tag: number, group: ValueGroup): void {
    this.#board.watched.add([tag]);
    const groups = this.#byTag.get(tag);
    if (groups) groups.add(group);
    else this.#byTag.set(tag, new Set([group]));
  }

  #changed(values: LiveValue[]): void {
    for (const [tag] of values) {
      const groups = this.#byTag.get(tag);
      if (groups) for (const group of groups) group.changed(tag);
    }
  }

  #added(tags: HubTag[]): void {
    for (const entry of this.#entries.values()) {
      if (!entry.filter) continue;
      const known = new Set(entry.meant.map(({ tag }) => tag.id));
      const fresh = this.#paths.meantBy(entry.filter, tags).filter(({ tag }) => !known.has(tag.id));
      if (fresh.length === 0) continue;
      entry.meant.push(...fresh);
      for (const { tag } of fresh) {
        if (entry.group.tags.has(tag.id)) continue;
        entry.group.tags.add(tag.id);
        this.#watch(tag.id, entry.group);
      }
      for (const taker of entry.group.takers) (taker as GroupTaker).tagsAdded(entry.group, fresh);
    }
  }
}

function keyOf({ paths, tags, maxRate, sites }: WantedValues): string {
  return JSON.stringify([[...new Set(paths)].sort(), [...new Set(tags)].sort((a, b) => a - b), maxRate, sites]);
}
