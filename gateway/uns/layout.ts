/** Which topic each tag, device and alarm of a configuration has. */
import { type UnsStyle, UnsTopics } from '@lineside/shared/uns/topics.ts';
import type { EquipmentConfig, UnsConfig } from './config.ts';

export interface PlacedDevice {
  id: string;
  equipment?: EquipmentConfig | undefined;
}

export interface TagTopics {
  value: string;
  set: string;
}

type Words = Partial<Record<string, string>>;

export class UnsLayout {
  readonly topics: UnsTopics;
  readonly style: UnsStyle;
  readonly #config: UnsConfig;
  readonly #gateway: string;
  readonly #dotted: boolean;
  readonly #levels: string[];
  /** Reckoned once for each device, not for each of its tags. */
  readonly #paths = new WeakMap<PlacedDevice, string>();

  /** @param config has passed `checkUns` */
  constructor(config: UnsConfig, gateway: string) {
    this.#config = config;
    this.#gateway = gateway;
    this.style = config.style;
    this.topics = new UnsTopics(config);
    const levels = config.template.split('/');
    this.#dotted = levels.at(-1) === '{tag}';
    this.#levels = levels.slice(0, -1);
  }

  /** Where a device stands: levels parted by slashes, without the prefix. */
  pathOf(device: PlacedDevice): string {
    let path = this.#paths.get(device);
    if (path === undefined) {
      path = this.#place(device);
      this.#paths.set(device, path);
    }
    return path;
  }

  #place({ id, equipment = {} }: PlacedDevice): string {
    const { area, line, enterprise, site } = this.#config;
    const words: Words = { enterprise, site, gateway: this.#gateway, device: id };
    if (equipment.path !== undefined) return this.#render({ ...words, area: equipment.path });
    return this.#render({
      ...words,
      area: equipment.area ?? area,
      line: equipment.line ?? line,
      cell: equipment.cell ?? id,
    });
  }

  tagOf(device: PlacedDevice, tag: string): TagTopics {
    const path = this.pathOf(device);
    // An array's element is a level of its own: temperatures[3] is temperatures/3.
    const name = tag.endsWith(']') ? tag.replace(/\[(\d+)\]$/, this.#dotted ? '_$1' : '.$1') : tag;
    const levels = this.#dotted || !name.includes('.') ? [name] : name.split('.').filter((level) => level !== '');
    return { value: this.topics.value(path, levels), set: this.topics.set(path, levels) };
  }

  stateOf(device: PlacedDevice): string {
    return this.topics.state(this.pathOf(device), device.id);
  }

  alarmOf(device: PlacedDevice, rule: string): string {
    return this.topics.alarm(this.pathOf(device), rule);
  }

  /** Where the gateway itself stands: where a device of it would that does not say where it is. */
  gateway(): string {
    const { area, line, enterprise, site } = this.#config;
    const path = this.#render({ enterprise, site, area, line, gateway: this.#gateway });
    return this.topics.gateway(path, this.#gateway);
  }

  #render(words: Words): string {
    return this.#levels
      .map((level) => level.replace(/\{(\w+)\}/g, (_, word: string) => words[word] ?? ''))
      .filter((level) => level !== '')
      .join('/');
  }
}

/** Two things that would share a topic, such as a tag `a.set` and the setting of `a`. */
export function clashes(
  layout: UnsLayout,
  devices: (PlacedDevice & { tags: string[] })[],
): { device: string; tag: string; other: string; topic: string }[] {
  const found: { device: string; tag: string; other: string; topic: string }[] = [];
  const taken = new Map<string, string>();
  for (const device of devices) {
    for (const tag of device.tags) {
      const { value, set } = layout.tagOf(device, tag);
      const name = `${device.id}/${tag}`;
      const clash = [value, set, `${set}/result`].find((topic) => taken.has(topic));
      if (clash !== undefined) found.push({ device: device.id, tag, other: taken.get(clash)!, topic: clash });
      for (const topic of [value, set, `${set}/result`]) if (!taken.has(topic)) taken.set(topic, name);
    }
  }
  return found;
}
