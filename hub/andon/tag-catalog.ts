/** The hub's tags in memory: by id, and by where they come from. */
import { EventEmitter } from 'node:events';
import type { ValueType } from '@lineside/shared/contracts/frame.ts';

export interface HubTag {
  id: number;
  gateway: string;
  device: string;
  name: string;
  type: ValueType;
  unit: string;
  description: string;
  /** Somebody may write it, within these limits, or one of these names. */
  writable?: boolean;
  min?: number | null;
  max?: number | null;
  names?: string[] | null;
}

export class TagCatalog extends EventEmitter<{
  /** Tags that are new. */
  added: [HubTag[]];
}> {
  readonly #byId = new Map<number, HubTag>();
  readonly #byName = new Map<string, HubTag>();
  /** Grows with every change: for whoever keeps something made of the tags. */
  version = 0;
  /** Made at the first question after a change. */
  #byDevice: Map<string, HubTag[]> | undefined;
  #byGateway: Map<string, HubTag[]> | undefined;

  constructor() {
    super();
    this.setMaxListeners(0);
  }

  add(tags: HubTag[]): void {
    const fresh = tags.filter(({ id }) => !this.#byId.has(id));
    this.#byDevice = undefined;
    this.version++;
    this.#byGateway = undefined;
    for (const tag of tags) {
      this.#byId.set(tag.id, tag);
      // A tag whose type was changed is another tag; the younger one is meant.
      const key = keyOf(tag.gateway, tag.device, tag.name);
      const known = this.#byName.get(key);
      if (!known || known.id <= tag.id) this.#byName.set(key, tag);
    }
    if (fresh.length > 0) this.emit('added', fresh);
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): HubTag | undefined {
    return this.#byId.get(id);
  }

  /** The same, unless another one goes by its name by now. */
  current(id: number): HubTag | undefined {
    const tag = this.#byId.get(id);
    return tag && this.find(tag.gateway, tag.device, tag.name)?.id === id ? tag : undefined;
  }

  find(gateway: string, device: string, name: string): HubTag | undefined {
    return this.#byName.get(keyOf(gateway, device, name));
  }

  /** Those that go by their names now, the gateways' own included. */
  all(): HubTag[] {
    return [...this.#byName.values()];
  }

  /** Those that a gateway gives now, its own included. */
  ofGateway(gateway: string): readonly HubTag[] {
    this.#byGateway ??= Map.groupBy(this.#byName.values(), (tag) => tag.gateway);
    return this.#byGateway.get(gateway) ?? [];
  }

  /** Those of all devices, under gateway/device: by name, the gateways' own left out. */
  byDevice(): ReadonlyMap<string, readonly HubTag[]> {
    if (this.#byDevice) return this.#byDevice;
    const devices = Map.groupBy(
      [...this.#byName.values()].filter(({ name }) => !name.startsWith('$')),
      ({ gateway, device }) => `${gateway}/${device}`,
    );
    for (const tags of devices.values()) tags.sort((a, b) => BY_NAME.compare(a.name, b.name));
    this.#byDevice = devices;
    return devices;
  }
}

/** Comparing by it is many times faster than localeCompare. */
const BY_NAME = new Intl.Collator();

function keyOf(gateway: string, device: string, name: string): string {
  return `${gateway}/${device}/${name}`;
}
