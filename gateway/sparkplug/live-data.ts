/**
 * What has changed since it was last said, by device. Sparkplug reports by exception: a reading that is as the one
 * before is not sent again. Values between two messages all go along, in order.
 */
import type { Frame, TagInfo, Value } from '@lineside/shared/contracts/frame.ts';
import type { Metric } from '@lineside/shared/wire/sparkplug/payload.ts';
import { dataMetric, inOrder, type Sample, sparkplugQuality } from './metrics.ts';

/**
 * So many metrics wait at most, a long text counting as many; then the broker does not take them, and the disk has
 * them.
 */
const MAX_WAITING = 100_000;
const CHARACTERS_A_METRIC = 64;

interface Known {
  tag: TagInfo;
  /** As it was said last; undefined before. */
  value: Value | undefined;
  quality: number;
}

export class LiveData {
  readonly #known = new Map<number, Known>();
  readonly #waiting = new Map<string, { metrics: Metric[]; weight: number }>();
  #weight = 0;

  get full(): boolean {
    return this.#weight >= MAX_WAITING;
  }

  /** A birth has said how a tag is; null: nothing has been read yet. */
  born(tag: TagInfo, last: Sample | null): void {
    this.#known.set(tag.id, { tag, value: last?.value, quality: last?.quality ?? -1 });
  }

  /** Forgets all tags and what waits. */
  clear(): void {
    this.#known.clear();
    this.#waiting.clear();
    this.#weight = 0;
  }

  /** Forgets what waits of a device: its birth or death says more. */
  drop(device: string): void {
    this.#weight -= this.#waiting.get(device)?.weight ?? 0;
    this.#waiting.delete(device);
  }

  /** Takes what differs. Tags that no birth has named are passed over. */
  observe(frame: Frame, now: number): void {
    const { tags, sourceAt, values, quality } = frame;
    for (let i = 0; i < tags.length; i++) {
      const known = this.#known.get(tags[i]!);
      if (!known || (known.value === values[i] && known.quality === quality[i])) continue;
      this.#add(known, { sourceAt: sourceAt[i]!, value: values[i]!, quality: quality[i]! }, now);
    }
  }

  /** Takes what belongs to the past, such as the history of a device that was out of reach: all of it is told. */
  observePast(frame: Frame): void {
    const { tags, sourceAt, values, quality, receivedAt } = frame;
    for (let i = 0; i < tags.length; i++) {
      const known = this.#known.get(tags[i]!);
      if (!known) continue;
      const sample = { sourceAt: sourceAt[i]!, value: values[i]!, quality: quality[i]! };
      const { id, type, device } = known.tag;
      this.#push(device, { ...dataMetric(id, type, sample, receivedAt, false), isHistorical: true });
    }
  }

  /** Says a tag once more as it is: somebody has asked for something else and did not get it. */
  repeat(id: number, last: Sample, now: number): void {
    const known = this.#known.get(id);
    if (known) this.#add(known, last, now);
  }

  /** What a device has to say, in order; it waits no more. Empty when nothing has changed. */
  take(device: string): Metric[] {
    const metrics = this.#waiting.get(device)?.metrics ?? [];
    this.drop(device);
    return inOrder(metrics);
  }

  #add(known: Known, sample: Sample, now: number): void {
    const { id, type, device } = known.tag;
    const otherQuality = known.quality < 0 || sparkplugQuality(known.quality) !== sparkplugQuality(sample.quality);
    known.value = sample.value;
    known.quality = sample.quality;
    this.#push(device, dataMetric(id, type, sample, now, otherQuality));
  }

  #push(device: string, metric: Metric): void {
    if (this.full) return;
    const { value } = metric;
    const weight = value?.kind === 'string' ? 1 + value.value.length / CHARACTERS_A_METRIC : 1;
    let waiting = this.#waiting.get(device);
    if (!waiting) {
      waiting = { metrics: [], weight: 0 };
      this.#waiting.set(device, waiting);
    }
    waiting.metrics.push(metric);
    waiting.weight += weight;
    this.#weight += weight;
  }
}
