/**
 * An example of what a schema describes. What stands for the whole shape comes first, then a schema's own `examples` or
 * `default`, then the word for the field's name, then the plainest value that fits: so every operation has an example, and none can be out of date.
 */
import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EXAMPLE_SHAPES } from './example-shapes.ts';
import { EXAMPLE_WORDS, OTHER_WORDS } from './example-words.ts';

/** A schema as JSON has it. */
export interface JsonSchema {
  [word: string]: unknown;
  type?: string;
  examples?: unknown[];
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema | JsonSchema[];
  minimum?: number;
}

/** Begins what stands where nobody has said a better word: a test looks for it. */
export const NO_WORD = 'no word for ';

/** @param name of the field that it describes */
export function exampleOf(schema: JsonSchema, name = ''): unknown {
  if (schema.examples !== undefined && schema.examples.length > 0) return schema.examples[0];
  for (const words of [EXAMPLE_WORDS, OTHER_WORDS]) {
    const word = Object.hasOwn(words, name) ? words[name] : undefined;
    if (word !== undefined && fits(schema, word)) return word;
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined && schema.type !== 'object') return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return exampleOfUnion(schema.anyOf, name);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, name)));
  switch (schema.type) {
    case 'object':
      return exampleOfObject(schema);
    case 'array':
      return exampleOfArray(schema, name);
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    case 'string':
      return NO_WORD + name;
    default:
      return null;
  }
}

/** A value tells more than null. */
function exampleOfUnion(parts: JsonSchema[], name: string): unknown {
  return exampleOf(parts.find(({ type }) => type !== 'null') ?? parts[0]!, name);
}

function exampleOfObject({ properties = {}, patternProperties, additionalProperties }: JsonSchema): unknown {
  const { words = {} } =
    EXAMPLE_SHAPES.find(({ like }) => like.every((name) => Object.hasOwn(properties, name))) ?? {};
  const made = Object.entries(properties).map(([name, schema]) => {
    const own = Object.hasOwn(words, name) && fits(schema, words[name]);
    return [name, own ? words[name] : exampleOf(schema, name)] as const;
  });
  const [free] = Object.values((patternProperties ?? {}) as Record<string, JsonSchema>);
  const other = free ?? (typeof additionalProperties === 'object' ? (additionalProperties as JsonSchema) : undefined);
  if (made.length === 0 && other) return { '1': exampleOf(other) };
  return Object.fromEntries(made);
}

function exampleOfArray({ items, prefixItems }: JsonSchema, name: string): unknown {
  const places = (Array.isArray(items) ? items : prefixItems) as JsonSchema[] | undefined;
  if (places) return places.map((place) => exampleOf(place));
  // A list of tags is named by the many of what one is named by.
  const one = name.endsWith('s') ? name.slice(0, -1) : name;
  return items ? [exampleOf(items as JsonSchema, one)] : [];
}

/** Schemas that came from JSON are checked as they are: TypeBox reads plain JSON Schema. */
function fits(schema: JsonSchema, word: unknown): boolean {
  return Value.Check(Type.Unsafe(schema as TSchema), word);
}
