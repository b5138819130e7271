/** Where things are in the plant: the paths of tags, machines, gateways and devices, as subscriptions speak of them. */
import type { HubTag, TagCatalog } from '../../andon/tag-catalog.ts';
import { reaches } from '../../auth/identity.ts';
import type { EquipmentNode, Machine } from '../../equipment/plant.ts';
import { NO_SITE, type PathFilter } from './path-filter.ts';

export interface TagPath {
  tag: HubTag;
  path: string;
}

export class PlantPaths {
  readonly #catalog: TagCatalog;
  /** Of the enterprise. */
  readonly root: string;
  /** A device may be that of several machines. */
  readonly #machines: Map<string, Machine[]>;

  constructor(options: { catalog: TagCatalog; equipment: EquipmentNode[]; machines: Machine[] }) {
    this.#catalog = options.catalog;
    this.root = options.equipment.find(({ level }) => level === 'enterprise')?.path ?? '';
    this.#machines = Map.groupBy(options.machines, ({ gateway, device }) => `${gateway}/${device}`);
  }

  /** The paths of the machines that a device belongs to, or the one of the device itself. */
  ofDevice(gateway: string, device: string): string[] {
    const machines = this.#machines.get(`${gateway}/${device}`);
    return machines ? machines.map(({ path }) => path) : [`${this.root}/${NO_SITE}/${gateway}/${device}`];
  }

  /** Every machine of the gateway; one that has none is in no site. */
  ofGateway(gateway: string): string[] {
    const paths = [...this.#machines.values()].flatMap((machines) =>
      machines.filter((machine) => machine.gateway === gateway).map(({ path }) => path),
    );
    return paths.length > 0 ? paths : [`${this.root}/${NO_SITE}/${gateway}`];
  }

  ofTag(tag: HubTag): string[] {
    const levels = tag.name.replaceAll('.', '/');
    return this.ofDevice(tag.gateway, tag.device).map((path) => `${path}/${levels}`);
  }

  /** The tag that goes by this id, if it lies within the sites. */
  visible(id: number, sites: readonly string[] | null): HubTag | undefined {
    const tag = this.#catalog.get(id);
    if (!tag || sites === null) return tag;
    return this.ofDevice(tag.gateway, tag.device).some((path) => reaches({ sites }, path)) ? tag : undefined;
  }

  /** All tags that a filter means; of a tag with several paths, the first that does. Those of gateways are left out. */
  meantBy(filter: PathFilter, among?: HubTag[]): TagPath[] {
    if (among) return among.flatMap((tag) => this.#meant(filter, tag));
    const found: TagPath[] = [];
    for (const [device, tags] of this.#catalog.byDevice()) {
      const cut = device.indexOf('/');
      const paths = this.ofDevice(device.slice(0, cut), device.slice(cut + 1));
      if (!paths.some((path) => filter.reaches(path))) continue;
      for (const tag of tags) found.push(...this.#meant(filter, tag));
    }
    return found;
  }

  #meant(filter: PathFilter, tag: HubTag): TagPath[] {
    if (tag.name.startsWith('$')) return [];
    const path = this.ofTag(tag).find((each) => filter.means(each));
    return path === undefined ? [] : [{ tag, path }];
  }
}
