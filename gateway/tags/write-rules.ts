/** Which tags a command may write, and within which limits. What is not said to be writable is not. */
import type { Value, ValueType } from '@lineside/shared/contracts/frame.ts';
import type { CommonTag } from './config.ts';

type Rule = Pick<CommonTag, 'min' | 'max'> & { type: ValueType; name: string };

export class WriteRules {
  readonly #rules = new Map<number, Rule>();

  /**
   * To be called once for each tag.
   *
   * @param settings with the type of the value in engineering units
   */
  add(tag: number, settings: Pick<CommonTag, 'name' | 'writable' | 'min' | 'max'> & { type: ValueType }): void {
    if (!settings.writable) return;
    const { name, type, min, max } = settings;
    this.#rules.set(tag, { name, type, min, max });
  }

  /** A tag that is no more. */
  remove(tag: number): void {
    this.#rules.delete(tag);
  }

  /**
   * Why a value may not be written, for an operator; null when it may.
   *
   * @param value in engineering units
   */
  refusal(tag: number, value: Value): string | null {
    const rule = this.#rules.get(tag);
    if (!rule) return 'this tag may not be written: it has no writable: true in the configuration of the gateway';
    const { name, type, min, max } = rule;
    if (type === 'boolean') return typeof value === 'boolean' ? null : `${name} takes true or false`;
    if (type === 'string') return typeof value === 'string' ? null : `${name} takes a text`;
    if (typeof value !== 'number' || !Number.isFinite(value)) return `${name} takes a number`;
    if (min === undefined || max === undefined) return `${name} has no limits: set min and max`;
    if (value < min || value > max) return `${value} is beyond the limits of ${name}, ${min} to ${max}`;
    return null;
  }
}
