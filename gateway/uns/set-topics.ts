/** Which tag a topic sets. */
import type { TagInfo } from '@lineside/shared/contracts/frame.ts';
import type { PlacedDevice, UnsLayout } from './layout.ts';

export interface SettableDevice extends PlacedDevice {
  /** Names of the tags that may be set. */
  writable: Set<string>;
}

export class SetTopics {
  readonly #layout: UnsLayout;
  #tags = new Map<string, { device: string; tag: string }>();
  #writable: string[] = [];

  constructor(layout: UnsLayout) {
    this.#layout = layout;
  }

  /** Topics of the tags that may be set. */
  get writable(): string[] {
    return this.#writable;
  }

  /** Also a tag that may not be set is found: whoever tries is told why. */
  find(topic: string): { device: string; tag: string } | undefined {
    return this.#tags.get(topic);
  }

  describe(devices: SettableDevice[], tags: TagInfo[]): void {
    const byId = new Map(devices.map((device) => [device.id, device]));
    this.#tags = new Map();
    this.#writable = [];
    for (const { device: id, name } of tags) {
      const device = byId.get(id);
      if (!device || name.startsWith('$')) continue;
      const { set } = this.#layout.tagOf(device, name);
      this.#tags.set(set, { device: id, tag: name });
      if (device.writable.has(name)) this.#writable.push(set);
    }
  }
}
