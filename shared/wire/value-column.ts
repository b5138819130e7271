/**
 * Values of many samples in columns: a number for each, what it stands for, and the texts beside them. An array of
 * values of mixed kinds would keep an object for each float.
 */
import type { Value } from '../contracts/frame.ts';

/** What stands at a place. Its number there is 0 or 1 for a boolean, and 0 for a text and for null. */
export const ValueKind = { null: 0, number: 1, boolean: 2, string: 3 } as const;

export class ValueColumn {
  readonly numbers: Float64Array;
  readonly kinds: Uint8Array;
  /** By place; undefined where no value is a text. */
  texts: Map<number, string> | undefined;

  /** Null all over, where both are 0. */
  constructor(numbers: Float64Array, kinds: Uint8Array) {
    this.numbers = numbers;
    this.kinds = kinds;
  }

  static of(values: readonly Value[]): ValueColumn {
    const column = new ValueColumn(new Float64Array(values.length), new Uint8Array(values.length));
    for (const [place, value] of values.entries()) column.set(place, value);
    return column;
  }

  get length(): number {
    return this.kinds.length;
  }

  at(place: number): Value {
    const kind = this.kinds[place];
    if (kind === ValueKind.number) return this.numbers[place]!;
    if (kind === ValueKind.boolean) return this.numbers[place] === 1;
    return kind === ValueKind.string ? this.texts!.get(place)! : null;
  }

  set(place: number, value: Value): void {
    if (typeof value === 'string') {
      this.kinds[place] = ValueKind.string;
      this.texts ??= new Map();
      this.texts.set(place, value);
      return;
    }
    if (value !== null) this.numbers[place] = Number(value);
    this.kinds[place] = value === null ? ValueKind.null : ValueKind[typeof value as 'number' | 'boolean'];
  }

  *[Symbol.iterator](): IterableIterator<Value> {
    for (let place = 0; place < this.length; place++) yield this.at(place);
  }
}
