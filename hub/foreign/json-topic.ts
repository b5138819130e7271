/** Topics of others, as a pattern says what their levels mean. */
import { LinesideError } from '@lineside/shared/errors/lineside-error.ts';

export interface TopicMeaning {
  device: string;
  /** Empty when the topic names no tag. */
  tag: string;
}

const LEVEL = /^(?:[^{}+#]+|\+|\{[a-z]+\}|\{tag\.\.\.\})$/;

export class JsonTopic {
  /** What to subscribe to. */
  readonly filter: string;
  readonly #levels: string[];

  /**
   * @param pattern levels with `{device}` once, and `{tag}` or, at the end, `{tag...}` at most once; `+` and other
   * names in braces stand for a level that says nothing
   * @throws LinesideError TOPIC_PATTERN_INVALID
   */
  constructor(pattern: string) {
    this.#levels = pattern.split('/');
    const count = (level: string) => this.#levels.filter((each) => each === level).length;
    const wrong = this.#levels.find((level) => !LEVEL.test(level));
    if (wrong !== undefined) throw invalid(`"${wrong}" is no level; write words, +, {device} or {tag}`);
    if (count('{device}') !== 1) throw invalid('it needs {device} once: which machine a message is about');
    if (count('{tag}') + count('{tag...}') > 1) throw invalid('it has more than one {tag}');
    if (count('{tag...}') === 1 && this.#levels.at(-1) !== '{tag...}')
      throw invalid('{tag...} can only be at its end');
    this.filter = this.#levels
      .map((level) => (level === '{tag...}' ? '#' : level.startsWith('{') ? '+' : level))
      .join('/');
  }

  /** null when the topic is another one. */
  read(topic: string): TopicMeaning | null {
    const parts = topic.split('/');
    const meaning: TopicMeaning = { device: '', tag: '' };
    for (const [i, level] of this.#levels.entries()) {
      const part = parts[i];
      if (level === '{tag...}') meaning.tag = parts.slice(i).join('.');
      else if (part === undefined || part === '') return null;
      else if (level === '{device}') meaning.device = part;
      else if (level === '{tag}') meaning.tag = part;
      else if (level !== '+' && !level.startsWith('{') && level !== part) return null;
    }
    const open = this.#levels.at(-1) === '{tag...}';
    return (open ? parts.length >= this.#levels.length && meaning.tag !== '' : parts.length === this.#levels.length)
      ? meaning
      : null;
  }
}

function invalid(what: string): LinesideError {
  return new LinesideError('TOPIC_PATTERN_INVALID', 'config', what);
}
