/** What there is to tell, as the last births have named it. */
import { emptyFrame, type Frame, pushSample, type TagInfo, type Value } from '@lineside/shared/contracts/frame.ts';
import { Quality } from '@lineside/shared/contracts/quality.ts';
import { BD_SEQ, DataType, type Metric, REBIRTH } from '@lineside/shared/wire/sparkplug/payload.ts';
import type { LiveData } from './live-data.ts';
import { birthMetric, type Sample } from './metrics.ts';

/** What the node says of the gateway itself. */
export interface NodeMetric extends Pick<TagInfo, 'name' | 'type' | 'unit'> {
  value: Value;
}

export interface CatalogOptions {
  /** Gets to know each tag as a birth says it. */
  live: LiveData;
  /** What there is at present; names that begin with $ are not told. */
  tags(): readonly TagInfo[];
  lastValue(device: string, tag: number): Sample | undefined;
  nodeMetrics(): NodeMetric[];
  now(): number;
}

/** Aliases of the node's own metrics: beyond those of all tags. */
const NODE_ALIAS = 2 ** 32;

export function bdSeqMetric(bdSeq: number, timestamp: number): Metric {
  return { name: BD_SEQ, timestamp, datatype: DataType.Int64, value: { kind: 'long', value: bdSeq } };
}

export class Catalog {
  readonly #options: CatalogOptions;
  #byDevice = new Map<string, TagInfo[]>();
  #byId = new Map<number, TagInfo>();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** Reads anew what there is. */
  renew(devices: readonly string[]): void {
    this.#byDevice = new Map(devices.map((device) => [device, []]));
    const told = this.#options
      .tags()
      .filter(({ device, name }) => this.#byDevice.has(device) && !name.startsWith('$'));
    for (const tag of told) this.#byDevice.get(tag.device)!.push(tag);
    this.#byId = new Map(told.map((tag) => [tag.id, tag]));
  }

  has(device: string): boolean {
    return this.#byDevice.has(device);
  }

  tag(id: number): TagInfo | undefined {
    return this.#byId.get(id);
  }

  /** A tag of a device by its name, or without one by its alias. */
  find(device: string, { name, alias }: Pick<Metric, 'name' | 'alias'>): TagInfo | undefined {
    return this.#byDevice.get(device)?.find((tag) => (name ? tag.name === name : tag.id === alias));
  }

  nodeBirth(bdSeq: number): Metric[] {
    const { live, nodeMetrics, now } = this.#options;
    const at = now();
    const own = nodeMetrics().map(({ value, ...metric }, i) => {
      const tag = { ...metric, id: NODE_ALIAS + i, device: '', description: '' };
      const sample = { sourceAt: at, value, quality: Quality.Good };
      live.born(tag, sample);
      return birthMetric(tag, sample, at);
    });
    const rebirth: Metric = { name: REBIRTH, timestamp: at, datatype: DataType.Boolean };
    return [bdSeqMetric(bdSeq, at), { ...rebirth, value: { kind: 'boolean', value: false } }, ...own];
  }

  /** @param present false: the values are those of before, and said to be stale */
  deviceBirth(device: string, present: boolean): Metric[] {
    const { live, lastValue, now } = this.#options;
    const at = now();
    return (this.#byDevice.get(device) ?? []).map((tag) => {
      const last = lastValue(device, tag.id) ?? null;
      live.born(tag, last);
      return birthMetric(tag, last && !present ? { ...last, quality: Quality.Uncertain } : last, at);
    });
  }

  /** The node's own metrics as they are now. */
  nodeFrame(): Frame {
    const { nodeMetrics, now } = this.#options;
    const frame = emptyFrame('', now());
    nodeMetrics().forEach(({ value }, i) => {
      pushSample(frame, NODE_ALIAS + i, frame.receivedAt, value, Quality.Good);
    });
    return frame;
  }
}
