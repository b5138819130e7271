/**
 * The topics of the unified namespace: where a thing is (levels of ISA-95), then what it is.
 *
 * | what      | lineside                        | umh                                   |
 * |-----------|---------------------------------|---------------------------------------|
 * | value     | {prefix}/{path}/{tag}           | umh/v1/{path}/_historian/{tag}        |
 * | set       | {prefix}/{path}/{tag}/set       | umh/v1/{path}/_set/{tag}              |
 * | answer    | {set}/result                    | {set}/result                          |
 * | device    | {prefix}/{path}/_state/{device} | the same                              |
 * | alarm     | {prefix}/{path}/_alarm/{rule}   | the same                              |
 * | gateway   | {prefix}/{path}/_gateway/{id}   | the same                              |
 * | hub       | {prefix}/{path}/_hub/state      | the same                              |
 *
 * Style umh keeps to UMH Core's topic convention (docs.umh.app, "Topic Convention" and "UMH Topic Parser"): levels of
 * the path do not begin with an underscore, the data contract does, and only letters, digits, _ and - are used. The
 * dot is left to Kafka, where it parts the levels.
 */

export type UnsStyle = 'lineside' | 'umh';

const DEFAULT_PREFIX = { lineside: 'uns/v1', umh: 'umh/v1' } as const;

/** One or more levels that may stand in a topic and are no wildcards. */
export const TOPIC_PATTERN = '^[^+#/\\u0000-\\u001f]+(/[^+#/\\u0000-\\u001f]+)*$';
/** Levels of a path: what begins with an underscore says what is meant, and $ is the broker's. */
export const PATH_PATTERN =
  '^[^+#/$_\\u0000-\\u001f][^+#/\\u0000-\\u001f]*(/[^+#/$_\\u0000-\\u001f][^+#/\\u0000-\\u001f]*)*$';

const SET = 'set';

export class UnsTopics {
  readonly prefix: string;
  readonly style: UnsStyle;

  constructor({ style, prefix }: { style: UnsStyle; prefix?: string | undefined }) {
    this.style = style;
    this.prefix = prefix ?? DEFAULT_PREFIX[style];
  }

  /**
   * @param path levels parted by slashes
   * @param tag its levels
   */
  value(path: string, tag: string[]): string {
    return this.style === 'umh' ? this.#topic(path, ['_historian', ...tag.map(umhName)]) : this.#topic(path, tag);
  }

  /** Where the tag can be set. */
  set(path: string, tag: string[]): string {
    return this.style === 'umh' ? this.#topic(path, ['_set', ...tag.map(umhName)]) : this.#topic(path, [...tag, SET]);
  }

  state(path: string, device: string): string {
    return this.#topic(path, ['_state', this.#name(device)]);
  }

  alarm(path: string, rule: string): string {
    return this.#topic(path, ['_alarm', this.#name(rule)]);
  }

  gateway(path: string, gateway: string): string {
    return this.#topic(path, ['_gateway', this.#name(gateway)]);
  }

  hub(path: string): string {
    return this.#topic(path, ['_hub', 'state']);
  }

  /** Whether something may be set there, if it exists. */
  isSet(topic: string): boolean {
    if (!topic.startsWith(`${this.prefix}/`)) return false;
    const levels = topic.split('/');
    return this.style === 'umh'
      ? levels.includes('_set') && levels.at(-1) !== 'result'
      : levels.at(-1) === SET && levels.length > 3;
  }

  #topic(path: string, rest: string[]): string {
    const place = path === '' ? this.prefix : `${this.prefix}/${this.style === 'umh' ? umhPath(path) : path}`;
    return `${place}/${rest.join('/')}`;
  }

  /** An alarm that a device tells of is called as the device likes. */
  #name(name: string): string {
    return this.style === 'umh' ? umhName(name) : name.replace(/[/+#\p{Cc}]/gu, '_');
  }
}

/** The topic of the answer. */
export function resultOf(setTopic: string): string {
  return `${setTopic}/result`;
}

function umhPath(path: string): string {
  return path.replace(/[^A-Za-z0-9_/-]/g, '_');
}

function umhName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_');
}

/** Whether a topic is among those that an MQTT filter means (MQTT 3.1.1, 4.7). */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && !filter.startsWith('$')) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true;
    if (i >= levels.length || (wanted[i] !== '+' && wanted[i] !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}

/** Whether it is a filter that can be subscribed to, or a topic. */
export function isFilter(filter: string): boolean {
  const levels = filter.split('/');
  return (
    filter !== '' &&
    levels.every((level, i) => (level === '#' ? i === levels.length - 1 : level === '+' || !/[+#]/.test(level)))
  );
}
