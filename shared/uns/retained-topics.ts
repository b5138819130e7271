/** What one publisher has retained in the unified namespace: values, and words, that is states and alarms. */
import { Outbox, type Outgoing, type PublishRetained } from './outbox.ts';
import { type UnsSample, valuePayload } from './payloads.ts';
import type { UnsStyle } from './topics.ts';

/** The topic of a tag with its newest sample; `known` once it has one. */
export interface ValueTopic extends UnsSample, Outgoing {
  known: boolean;
  unit: string;
}

interface Word extends Outgoing {
  text: string;
}

export interface RetainedTopicsOptions {
  publish: PublishRetained;
  /** Between two messages of one value, milliseconds. */
  minIntervalMs: number;
  /** Values on their way to the broker. */
  maxInFlight: number;
}

export class RetainedTopics {
  readonly #values: Outbox;
  /** They are few, wait for no interval, and are not held up by values. */
  readonly #words: Outbox;
  readonly #byTopic = new Map<string, Word>();

  constructor({ publish, minIntervalMs, maxInFlight }: RetainedTopicsOptions) {
    this.#values = new Outbox({ publish, minIntervalMs, maxInFlight });
    this.#words = new Outbox({ publish, minIntervalMs: 0, maxInFlight: 8 });
  }

  get counts(): { published: number; waiting: number } {
    const [values, words] = [this.#values.counts, this.#words.counts];
    return { published: values.published + words.published, waiting: values.waiting + words.waiting };
  }

  observe(value: ValueTopic, at: number, newest: UnsSample['value'], quality: number): void {
    value.at = at;
    value.value = newest;
    value.quality = quality;
    value.known = true;
    if (!value.waiting) this.#values.offer(value);
  }

  /** @param text empty takes the retained message away */
  say(topic: string, text: string): void {
    let word = this.#byTopic.get(topic);
    if (!word) {
      const made: Word = { topic, text, qos: 1, waiting: false, dueAt: 0, payload: () => made.text };
      word = made;
      this.#byTopic.set(topic, word);
    }
    word.text = text;
    this.#words.offer(word);
  }

  /** The newest word of a topic; undefined when there was none. */
  said(topic: string): string | undefined {
    return this.#byTopic.get(topic)?.text;
  }

  /** The word of this topic is not said again at the next connection. */
  forget(topic: string): void {
    this.#byTopic.delete(topic);
  }

  /** The broker is there, and knows nothing: all is said again. */
  open(values: Iterable<ValueTopic>): void {
    for (const value of values) if (value.known) this.#values.offer(value);
    for (const word of this.#byTopic.values()) this.#words.offer(word);
    this.#values.open();
    this.#words.open();
  }

  /** The broker takes nothing for now. */
  close(): void {
    this.#values.close();
    this.#words.close();
  }

  /** The last words, as far as they go out within so long. Milliseconds. */
  async sayGoodbye(patienceMs: number): Promise<void> {
    await Promise.all([this.#words.emptied(patienceMs), this.#values.emptied(patienceMs)]);
    this.close();
  }
}

/** A topic that has no sample yet. */
export function valueTopic(style: UnsStyle, topic: string, unit: string): ValueTopic {
  const value: ValueTopic = {
    ...{ topic, qos: 0, waiting: false, dueAt: 0 },
    ...{ at: 0, value: null, quality: 0, known: false, unit },
    payload: () => valuePayload(style, value, value.unit),
  };
  return value;
}
