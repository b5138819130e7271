/** How every list of the hub's API is asked for and answered: a page at a time, with a cursor to the next. */
import { type TProperties, type TSchema, Type } from 'typebox';

/** Items on a page that is not asked to be of another size, and the most that it takes. */
const PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1_000;

/**
 * The query of a list. `filters` are what it can be narrowed by; `sorts` the names that it can be sorted by, the
 * first of them unless asked otherwise. A minus before a name turns the order round. Another size of a page is for a list
 * whose items are long themselves.
 */
export function pageQuery<P extends TProperties>(
  sorts: readonly string[],
  filters: P,
  { usual, most }: { usual: number; most: number } = { usual: PAGE_SIZE, most: MAX_PAGE_SIZE },
) {
  const directions = sorts.flatMap((name) => [name, name.startsWith('-') ? name.slice(1) : `-${name}`]);
  return Type.Object(
    {
      limit: Type.Integer({
        minimum: 1,
        maximum: most,
        default: usual,
        description: 'items on a page, at most',
      }),
      cursor: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 2_000,
          description: '`next` of the page before; the rest of the query must be the same',
        }),
      ),
      sort: Type.Enum(directions, {
        default: sorts[0]!,
        description: 'what it is sorted by; with a minus, from the end',
      }),
      ...filters,
    },
    { additionalProperties: false },
  );
}

/** One page. `next` is also in the Link header, as the whole address. */
export function pageOf<T extends TSchema>(item: T) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'cursor of the next page; null when it is the last',
    }),
  });
}

export interface Page<T> {
  items: T[];
  next: string | null;
}
